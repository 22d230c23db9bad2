# SPDX-License-Identifier: GPL-2.0-or-later
"""Pseudo-attributes: names of a script's own for what lies elsewhere in other kernels.

What is declared is kept as it was written, and looked up in the types of the kernel that is open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Union

from pykdump import debugtypes, lowlevel
from pykdump.paths import Path, find_path

Function = Callable[[Any], Any]

_SKC = "SKC."  # the rest of the path begins in struct sock_common at the same address


@dataclass(frozen=True)
class _Declared:
    base: str  # the struct in which paths are tried where the object's own has none
    chains: tuple[str, ...]
    function: Function | None = None  # of the object, or of the value where there are chains


_declared: dict[tuple[str, str], _Declared] = {}


def structSetAttr(
    sname: str, aname: str, chains: str | Sequence[str], sextra: Sequence[str] = ()
) -> bool:
    """Give a struct an attribute that stands for the first path that this kernel has.

    :param chains: dotted paths, tried in order; pointers to structs are followed; ``""`` is the
        object itself.
    :param sextra: more structs that get it.

    Returns whether there is such a path: ``structSetAttr("struct task_struct", "State",
    ["__state", "state"])``.

    >>> structSetAttr("struct task_struct", "Parent", ["real_parent", "p_pptr"])
    True
    >>> readSU("struct task_struct", pid_to_task(1)).Parent.comm
    'swapper/0'
    """
    return _declare([sname, *sextra], aname, _Declared(sname, _paths(chains)))


def structSetProcAttr(sname: str, aname: str, meth: Function) -> bool:
    """Give a struct an attribute whose value is ``meth(object)``; whether the struct exists.

    >>> structSetProcAttr("struct task_struct", "Label", lambda task: f"{task.pid}/{task.comm}")
    True
    >>> readSymbol("init_task").Label
    '0/swapper/0'
    """
    return _declare([sname], aname, _Declared(sname, (), meth))


class AttrSetter:
    """Assigning ``x.Name = path``, ``(paths)`` or ``[paths, function of the value]`` declares Name
    on all of these structs that exist; reading it says whether there is such a path.

    >>> more = AttrSetter("struct task_struct")
    >>> more.Files = "files.fdt.max_fds"
    >>> more.Files, readSU("struct task_struct", pid_to_task(1)).Files >= 64
    (True, True)
    """

    def __init__(self, sname: str, *more: str) -> None:
        self.__dict__["_structs"] = [sname, *more]

    def __setattr__(self, name: str, chains: Any) -> None:
        function = None
        if isinstance(chains, list) and len(chains) == 2 and callable(chains[1]):
            chains, function = chains
        structs = self.__dict__["_structs"]
        made = _Declared(structs[0], _paths(chains), function)
        self.__dict__[name] = _declare(structs, name, made)


def find(structs: Sequence[str], name: str) -> Union[Path, Function, None]:
    """What an attribute of a struct, known by these names, stands for; None for no declared one."""
    for struct in structs:
        declared = _declared.get((struct, name))
        if declared is not None:
            found = _resolve(structs, declared)
            if found is not None:
                return found
    return None


def places(struct: str, name: str) -> list[tuple[str, str]]:
    """Structs and the paths in them that an attribute may stand for; [] where it is a function."""
    declared = _declared.get((struct, name))
    if declared is None or declared.function is not None:
        return []
    return [
        ("struct sock_common", chain[len(_SKC) :]) if chain.startswith(_SKC) else (struct, chain)
        for chain in declared.chains
    ]


def _paths(chains: str | Sequence[str]) -> tuple[str, ...]:
    return (chains,) if isinstance(chains, str) else tuple(chains)


def _declare(structs: Sequence[str], name: str, declared: _Declared) -> bool:
    done = False
    for struct in structs:
        found = debugtypes.find_or_none(struct)
        if found is not None and _resolve((struct, found.name), declared) is not None:
            _declared[struct, name] = _declared[found.name, name] = declared
            done = True
    lowlevel.forget_members()
    return done


def _resolve(structs: Sequence[str], declared: _Declared) -> Union[Path, Function, None]:
    if not declared.chains:
        return declared.function
    for chain in declared.chains:
        in_common = chain.startswith(_SKC)
        for struct in ("struct sock_common",) if in_common else (*structs, declared.base):
            type_ = debugtypes.find_or_none(struct)
            path = find_path(type_, chain[len(_SKC) if in_common else 0 :]) if type_ else None
            if path is not None:
                function = declared.function
                return _applied(function, path) if function else path
    return None


def _applied(function: Function, path: Path) -> Function:
    from pykdump.readers import of_path

    read = of_path(path).read
    return lambda obj: function(read(int(obj)))
