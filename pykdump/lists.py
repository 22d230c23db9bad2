# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists, hash tables and arrays, walked by the accelerator."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Union

from pykdump import aliases, lowlevel, readers, sizes, structs, values, walks
from pykdump.access import member_offset_in
from pykdump.errors import CrashError, ReadError, as_address
from pykdump.logging import pylog
from pykdump.memory import readPtr
from pykdump.paths import find_path
from pykdump.structs import StructResult

try:
    from pykdump import _accel
except ImportError:  # plain pytest: models can be imported
    pass

_U64 = (1 << 64) - 1
_maxel = 10_000

#: Buckets that are read at once: tables of large machines have hundreds of millions.
_PIECE = 1 << 18


def setListMaxel(value: int) -> None:
    """Let list readers return at most this many elements where they are not told otherwise.

    >>> setListMaxel(3)
    >>> len(readList(sym2addr("modules"), warn=False))
    3
    >>> setListMaxel(10000)
    """
    global _maxel
    _maxel = value


def readList(
    start: int,
    offset: int = 0,
    *,
    maxel: int | None = None,
    inchead: bool = True,
    warn: bool = True,
) -> list[int]:
    """Addresses along pointers that lie ``offset`` bytes into each node, up to NULL or ``start``.

    :param start: the first node; it comes first in the list, if ``inchead``.

    A list that is broken gives what could be read, and an error in the log.

    >>> head = sym2addr("modules")
    >>> readList(head)[0] == head, len(readList(head)) == len(readList(head, inchead=False)) + 1
    (True, True)
    """
    walk, limit = _walk(start, offset, maxel, inchead)
    if walk is None:
        return []
    _complain(walk, start, limit, warn)
    return [int(start), *walk.nodes] if inchead else list(walk.nodes)


def readListByHead(
    start: int, offset: int = 0, *, maxel: int | None = None, warn: bool = True
) -> list[int]:
    """The same without ``start``, which is a head that is embedded in nothing."""
    return readList(start, offset, maxel=maxel, inchead=False, warn=warn)


#: The same as `readListByHead`.
list_for_each_entry = readListByHead


def readBadList(
    start: int, offset: int = 0, *, maxel: int | None = None, inchead: bool = True
) -> tuple[list[int], Union[None, str, CrashError]]:
    """As `readList`, with what is wrong: None, a text, or the crash.error of an unreadable node.

    >>> nodes, error = readBadList(sym2addr("modules"))
    >>> len(nodes) > 1, error
    (True, None)
    """
    walk, _ = _walk(start, offset, maxel, inchead)
    if walk is None:
        return [], None
    error: Union[None, str, CrashError] = None
    if walk.end == "cycle":
        error = f"duplicate element {walk.stopped_at:#x}"
    elif walk.end == "unreadable":
        error = ReadError(f"cannot read the next element at {walk.stopped_at + offset:#x}")
    return ([int(start), *walk.nodes] if inchead else list(walk.nodes)), error


def _walk(start: int, offset: int, maxel: int | None, inchead: bool) -> tuple[Any, int]:
    # The nodes after `start`, and the limit; None for NULL.
    limit = _maxel if maxel is None else maxel
    start = as_address(start) & _U64
    if start == 0:
        return None, limit
    walk = _accel.walk_chain(
        lowlevel.dump(),
        (start + offset) & _U64,
        next_offset=offset,
        end_at=start,
        limit=max(0, limit - inchead),
    )
    return walks.unless_interrupted(walk), limit


def _complain(walk: Any, start: int, limit: int, warn: bool) -> None:
    where = f"list {int(start):#x}"
    if walk.end == "limit" and warn:
        pylog.warning(f"{where} is longer than maxel={limit}: cut\n    {_callers()}")
    elif walk.end == "cycle":
        pylog.error(f"{where} does not return: {walk.stopped_at:#x} is met again")
    elif walk.end in ("unreadable", "damaged"):
        pylog.error(f"{where} is broken: no next element can be read at {walk.stopped_at:#x}")


def _callers() -> str:
    names: list[str] = []
    frame = sys._getframe(1)
    while frame is not None and len(names) < 10:
        module = frame.f_globals.get("__name__") or ""
        if module.startswith("pykdump_gdb."):
            break  # what runs the script says nothing about it
        if module != __name__:
            names.append(frame.f_code.co_name)
        frame = frame.f_back  # type: ignore[assignment]
    return " <- ".join(names)


def readSUListFromHead(
    head: Union[int, str],
    listfieldname: str,
    structname: str,
    *,
    maxel: int | None = None,
    inchead: bool = False,
    warn: bool = True,
) -> list[StructResult]:
    """The structs on a list, each by the member that links it.

    :param head: ``struct list_head *``, or the name of a variable that is on the list itself.

    >>> tasks = readSUListFromHead("init_task", "tasks", "struct task_struct")
    >>> tasks[0].pid, tasks[1].comm
    (1, 'kthreadd')
    >>> head = Addr(readSU("struct task_struct", 0).children) + tasks[0]
    >>> [child.real_parent.pid for child in readSUListFromHead(head, "sibling",
    ...     "struct task_struct")][:1]
    [1]
    """
    cls = structs.class_named(structname)
    offset = _list_offset(cls, listfieldname)
    if isinstance(head, str):
        head = _symbol(head) + offset
    walk, limit = _walk(head, 0, maxel, inchead)
    if walk is None:
        return []
    _complain(walk, head, limit, warn)
    found = _accel.structs_of_walk(cls, walk, offset)
    if (structname, listfieldname) in aliases.LIST_HEADS:
        found = _without_head(cls, found, int(head) - offset, listfieldname, offset)
    return [structs.at(cls, int(head) - offset), *found] if inchead else found


def _list_offset(cls: type[StructResult], member: str) -> int:
    # Of the member that links a list, under its old name if this kernel renamed it.
    for path in (member, *aliases.find_paths(cls.names(), member)):
        offset = sizes.offset_in(cls.ctype(), path)
        if offset >= 0:
            return offset
    raise cls._unknown(member)


def _without_head(
    cls: type[StructResult], found: list[StructResult], first: int, member: str, offset: int
) -> list[StructResult]:
    # Where an old list had no head and the new one has: the head is no struct.
    if not found or sizes.offset_in(cls.ctype(), member) >= 0:
        return found
    path = find_path(cls.ctype(), aliases.LIST_HEADS[cls.PYT_symbol, member])
    if path is None:
        return found
    try:
        head = int(readers.of_path(path).read(first)) - offset
    except IndexError as error:
        raise CrashError(f"{cls.PYT_symbol} {first:#x}: {error}") from None
    return [one for one in found if int(one) != head]


def _symbol(name: str) -> int:
    addr = lowlevel.find_symbol(name) or lowlevel.variable_address(name)
    if not addr:
        raise TypeError(f"{name} is unknown: there is no such variable")
    return addr


class ListHead(list[Any]):
    """The nodes of a list: ``struct list_head``, or addresses if a struct is named; then ``.field``
    gives the structs that are linked by that member.

    >>> modules = ListHead(sym2addr("modules"), "struct module")
    >>> [module.name for module in modules.list] == lsModules()
    True
    """

    def __init__(
        self,
        lh: int,
        sname: str | None = None,
        *,
        maxel: int | None = None,
        warn: bool = True,
    ) -> None:
        self.sname = sname
        nodes = readListByHead(lh, maxel=maxel, warn=warn)
        if sname is None:
            cls = structs.class_named("struct list_head")
            super().__init__(structs.at(cls, node) for node in nodes)
        else:
            super().__init__(nodes)

    def __getattr__(self, fname: str) -> list[StructResult]:
        if self.sname is None or fname.startswith("__"):
            raise AttributeError(f"this list has no {fname}: it was read without a struct's name")
        cls = structs.class_named(self.sname)
        offset = _list_offset(cls, fname)
        return [structs.at(cls, node - offset) for node in self]


def LH_isempty(lh: Any) -> bool:
    """Whether a ``struct list_head`` points to itself; false for NULL.

    >>> LH_isempty(readSymbol("modules"))
    False
    """
    return bool(lh) and readPtr(lh) == int(lh)


def readStructNext(
    shead: Any, nextname: str, *, maxel: int | None = None, inchead: bool = True
) -> list[Any]:
    """Structs that each point to the next by a member, up to NULL.

    :param shead: the first one: a struct, or a typed pointer to one.

    >>> [each.name for each in readStructNext(readSymbol("iomem_resource").child, "sibling")][:1]
    ['Reserved']
    """
    if not shead:
        return []
    if isinstance(shead, values.tPtr):
        shead = shead.Deref
    cls = type(shead)
    if cls.follows_function(nextname):
        return _follow(shead, nextname, _maxel if maxel is None else maxel)[not inchead :]
    walk, limit = _walk(as_address(shead), _list_offset(cls, nextname), maxel, inchead)
    _complain(walk, shead, limit, True)
    found = _accel.structs_of_walk(cls, walk, 0)
    return [shead, *found] if inchead else found


def _follow(first: Any, nextname: str, limit: int) -> list[Any]:
    found = [first]
    while len(found) < limit:
        following = getattr(found[-1], nextname)
        if not following or following == first:
            break
        found.append(following)
    return found


def hlist_for_each_entry(structname: str, head: Any, member: str) -> Iterator[StructResult]:
    """The structs on a ``struct hlist_head`` list.

    >>> pid = readSU("struct task_struct", pid_to_task(1)).thread_pid
    >>> [t.pid for t in hlist_for_each_entry("struct task_struct", pid.tasks[0], "pid_links")]
    [1]
    """
    cls = structs.class_named(structname)
    offset = member_offset_in(cls, member)
    walk = walks.walk_chain(as_address(head), limit=_maxel)
    _complain(walk, int(head), _maxel, True)
    yield from _accel.structs_of_walk(cls, walk, offset)


def readSUArray(structname: str, startaddr: int, dim: int = 0) -> Any:
    """A list of ``dim`` structs that lie one after another; a generator if ``dim`` is 0.

    >>> limits = readSymbol("init_task").signal.rlim[0]
    >>> [limit - limits for limit in readSUArray("struct rlimit", limits, 3)]
    [0, 16, 32]
    """
    cls, start = structs.class_named(structname), as_address(startaddr)
    size = cls.ctype().size
    if dim < 0:
        raise CrashError(f"there is no array of {dim} structs: {structname} at {start:#x}")
    if dim:
        return _accel.structs_in_array(cls, start, dim, size)
    return (structs.at(cls, start + i * size) for i in range(_maxel))


# --- what crash's C code did


def getListSize(addr: int, offset: int, maxel: int) -> int:
    """Number of nodes of a list without its head, at most ``maxel``; 0 for NULL.

    >>> getListSize(sym2addr("modules"), 0, 10000) == len(lsModules())
    True
    """
    walk, _ = _walk(addr, offset, maxel, False)
    return 0 if walk is None else len(walk.nodes)


def getFullBucketsH(
    start: int, bsize: int, items: int, chain_off: int = 0
) -> list[tuple[int, int]]:
    """Index and first pointer of the buckets of a hash table that are not empty.

    :param bsize: size of a bucket.
    :param chain_off: of the pointer in a bucket.
    """
    at, found = int(start) + chain_off, []
    pointer = _accel.Reader("int", size=8)
    for low in range(0, items, _PIECE):
        count = min(_PIECE, items - low)
        piece = _accel.Reader("array", element=pointer, stride=bsize, count=count)
        firsts = piece(at + low * bsize)
        found += [(low + index, first) for index, first in enumerate(firsts) if first]
    return found


def getFullBuckets(start: int, bsize: int, items: int, chain_off: int = 0) -> list[int]:
    """First pointers of the buckets of a hash table that are not empty.

    >>> size = struct_size("struct hlist_head")
    >>> buckets = getFullBuckets(readSymbol("inode_hashtable"), size, 1024)
    >>> 0 < len(buckets) <= 1024, 0 in buckets
    (True, False)
    """
    return [first for _, first in getFullBucketsH(start, bsize, items, chain_off)]
