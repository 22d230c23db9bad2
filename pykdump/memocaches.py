# SPDX-License-Identifier: GPL-2.0-or-later
"""Results kept between runs of scripts, and dropped when they may be wrong.

Everything is dropped when another dump is opened.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any, TypeVar

from pykdump import lowlevel

_Result = TypeVar("_Result")

#: Flag of ``memoize_cond``: not kept on a live kernel; a dump never is one.
CU_LIVE = 1
#: Flag of ``memoize_cond``: dropped when debug info of a module is loaded.
CU_LOAD = 2
#: Flag of ``memoize_cond``: dropped by ``--reload``.
CU_PYMOD = 4
#: Flag of ``memoize_cond``: dropped when ``--timeout`` grows.
CU_TIMEOUT = 8

#: Whether purges and new entries are told (``pyctl debugMemoize=1``).
debugMemoize = 0

_Key = tuple[int, str, str, tuple[Any, ...]]
_results: dict[_Key, Any] = {}
_by_type: list[dict[str, Any]] = []
_selected: dict[tuple[str, int, tuple[str, ...]], CodeType] = {}
_seen: tuple[object, int] = (None, 0)


def memoize_cond(flags: int) -> Callable[[Callable[..., _Result]], Callable[..., _Result]]:
    """Decorator: keep the results of a function by its positional arguments.

    Keyword arguments are not passed on; ``MEMOIZE=False`` asks the function again. Arguments that
    cannot be hashed are never kept.

    :param flags: CU_* that say when results are dropped, 0 for never.

    >>> @memoize_cond(CU_LIVE | CU_LOAD)
    ... def pids(comm):
    ...     tasks = readSUListFromHead("init_task", "tasks", "struct task_struct")
    ...     return [task.pid for task in tasks if task.comm == comm]
    >>> pids("kthreadd"), pids("kthreadd", MEMOIZE=False)
    ([2], [2])
    """

    def decorate(function: Callable[..., _Result]) -> Callable[..., _Result]:
        @functools.wraps(function)
        def memoized(*args: Any, **kwargs: Any) -> _Result:
            _drop_stale()
            key = (flags, function.__module__, function.__qualname__, args)
            try:
                if kwargs.get("MEMOIZE", True) and key in _results:
                    found: _Result = _results[key]
                    return found
            except TypeError:
                return function(*args)
            result = _results[key] = function(*args)
            if debugMemoize:
                print(f"memoize: {function.__qualname__}{args}")
            return result

        return memoized

    return decorate


def purge_memoize_cache(flags: int) -> None:
    """Drop the results that were kept with any of these flags."""
    for key in [key for key in _results if key[0] & flags]:
        if debugMemoize:
            print(f"memoize: drops {key[2]}{key[3]}")
        del _results[key]


def memoize_typeinfo(function: Callable[[str], _Result]) -> Callable[[str], _Result]:
    """Decorator: keep the results of a function by the name of the type that it takes."""
    results: dict[str, _Result] = {}
    _by_type.append(results)

    @functools.wraps(function)
    def memoized(name: str) -> _Result:
        _drop_stale()
        if name not in results:
            results[name] = function(name)
        return results[name]

    return memoized


def purge_typeinfo(name: str | None = None) -> None:
    """Drop what is kept about a type, by name, or about all of them."""
    for results in _by_type:
        if name is None:
            results.clear()
        else:
            results.pop(name, None)


def PY_select(*expressions: str) -> Any:
    """Value of the first expression that this kernel allows, None without one.

    Each is evaluated in the caller's frame; KeyError, NameError, TypeError and AttributeError mean
    the next one. The winner is remembered for the line of the call.

    >>> task = readSymbol("init_task")
    >>> PY_select("task.__state", "task.state")
    0
    """
    _drop_stale()
    frame = sys._getframe(1)
    key = (frame.f_code.co_filename, frame.f_lineno, expressions)
    winner = _selected.get(key)
    candidates: list[str | CodeType] = [*expressions] if winner is None else [winner, *expressions]
    for text in candidates:
        code = compile(text.strip(), "<PY_select>", "eval") if isinstance(text, str) else text
        try:
            value = eval(code, frame.f_globals, frame.f_locals)
        except (KeyError, NameError, TypeError, AttributeError):
            continue
        _selected[key] = code
        return value
    return None


def PY_select_purge() -> None:
    """Forget which expressions won."""
    _selected.clear()


def forget() -> None:
    """Drop everything, as when another dump is opened."""
    _results.clear()
    purge_typeinfo()
    PY_select_purge()


def _drop_stale() -> None:
    # The kernel or its debug info may have changed since the last question.
    global _seen
    now = (lowlevel._kernel, lowlevel.generation)
    if now == _seen:
        return
    if now[0] is not _seen[0]:
        forget()
    else:
        purge_memoize_cache(CU_LOAD)
        purge_typeinfo()
        PY_select_purge()
    _seen = now
