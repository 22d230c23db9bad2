# SPDX-License-Identifier: GPL-2.0-or-later
"""Entries of a red-black tree, radix tree, XArray or maple tree.

START is the root: a symbol or the address of a struct rb_root, radix_tree_root, xarray or
maple_tree (with -r that of a struct that has it at OFFSET, with -N that of the first node itself).
Printed are the addresses of the nodes of red-black trees, less -o, root first; of the others what
they hold, by index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crashcmd import list as lists
from crashcmd import values
from crashcmd.command import Command, Given, Option
from LinuxDump import trees
from pykdump import compat, lowlevel
from pykdump.errors import CrashError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import so_far

_NODE = Layout("struct rb_node", "rb_left", "rb_right")
_KINDS = ("rbtree", "radix", "xarray", "maple")
_MOST = 10_000_000


@dataclass(frozen=True)
class TreeEntry:
    """An entry and where it is."""

    addr: int
    position: str  #: root/l/r; of trees with indices index: N and the slots


def collect(given: Given) -> tuple[TreeEntry, ...]:
    if len(given.words) != 1:
        raise given.error("one START is needed")
    start = values.address(given.words[0])
    offset = given.value("-r")
    start += lists.offset_in(offset) if offset is not None else 0
    kind = _kind(given)
    if kind == "rbtree":
        at = lists.offset_in(given.value("-o") or "0")
        top = start if "-N" in given else lowlevel.read_pointer(start)
        return tuple(_rb_entries(top, at, "-l" in given))
    if "-l" in given:
        raise given.error("-l is only for red-black trees: the others are told by index")
    if "-N" in given:
        raise given.error("-N is only for red-black trees here")
    return tuple(_indexed(start, kind))


def _kind(given: Given) -> str:
    word = given.value("-t") or "rbtree"
    found = [kind for kind in _KINDS if kind.startswith(word)]
    if len(found) == 2 and word in ("r", "ra"):
        found = ["rbtree"] if word == "r" else ["radix"]
    if len(found) != 1:
        raise given.error(f"{word} is no kind of tree; kinds: {' '.join(_KINDS)}")
    return found[0]


def _rb_entries(top: int, at: int, in_order: bool) -> Iterator[TreeEntry]:
    # The nodes are read level by level, and told root first or in order, left before right.
    known: dict[int, tuple[int, int]] = {}
    level = [top] if top else []
    while level and len(known) < _MOST:
        following = []
        for addr, row in zip(level, _NODE.read_many(level)):
            if row is None:
                pylog.warning(f"rb_node {addr:x} cannot be read: what is below it is missing")
                continue
            known[addr] = (row.rb_left, row.rb_right)
            following += [node for node in known[addr] if node and node not in known]
        level = list(dict.fromkeys(following))
    left, told = [(top, "root", False)], set()
    while left:
        addr, position, is_turn = left.pop()
        if is_turn:
            yield TreeEntry(addr - at, f"position: {position}")
            continue
        if addr not in known:
            continue
        if addr in told:
            pylog.warning(f"duplicate tree entry: {addr:x}")
            continue
        told.add(addr)
        before, behind = known[addr]
        own = (addr, position, True)
        below = [(behind, position + "/r", False), (before, position + "/l", False)]
        # A stack: the last is the next.
        left += [below[0], own, below[1]] if in_order else [*below, own]


def _indexed(root: int, kind: str) -> Iterator[TreeEntry]:
    if kind == "maple":
        walk = so_far(lambda: trees.maple_tree(root))
    elif kind == "xarray" and compat.has("struct xarray"):
        walk = so_far(lambda: trees.xarray(root))
    else:
        walk = so_far(lambda: trees.radix_tree(root))
    if walk.end != "complete" and not walk.entries:
        raise CrashError(f"the tree at {root:x} cannot be read: {walk.end} at {walk.stopped_at:x}")
    shift = None if kind == "maple" else trees.top_shift(root)
    for first, last, entry in walk.entries:
        index = f"index: {first}" + (f"-{last}" if last != first else "")
        path = "" if kind == "maple" else f"  position: {_path(first, last, shift)}"
        yield TreeEntry(entry, index + path)
    if walk.end != "complete":
        what = "cut" if walk.end == "interrupted" else "broken"
        pylog.warning(f"the tree at {root:x} is {what}: {walk.end} at {walk.stopped_at:x}")


def _path(first: int, last: int, shift: int | None) -> str:
    # The slots from the root on. What stands for several indices may be in a node further up.
    if shift is None:  # no node: the only entry is in the root itself
        return f"direct/{first}"
    width = trees.slot_bits()
    lowest = (last - first + 1).bit_length() - 1
    lowest -= lowest % width
    slots = [str(first >> at & (1 << width) - 1) for at in range(shift, lowest - 1, -width)]
    return "/".join(["root", *slots])


def render(record: tuple[TreeEntry, ...], given: Given) -> Iterator[str]:
    if not record:
        yield "(empty)"
    every = lists.lines_of_each([entry.addr for entry in record], given)
    for entry, lines in zip(record, every):
        first, *more = lines
        yield first
        if "-p" in given:
            yield f"  {entry.position}"
        yield from more


COMMANDS = (
    Command(
        "tree",
        "START",
        collect,
        render,
        (
            Option("-t", "rbtree, radix, xarray or maple, or the beginning of one", "KIND"),
            Option("-r", "the root lies at this offset of START", "OFFSET"),
            Option("-o", "nodes lie at this offset of what is printed", "OFFSET"),
            Option("-p", "the place of each in the tree"),
            Option("-l", "in order, from the leftmost on"),
            Option("-N", "START is the first node, and no root"),
            Option("-s", "show each as STRUCT, or MEMBER,MEMBER of it", "STRUCT[.MEMBERS]"),
            Option("-S", "the same", "STRUCT[.MEMBERS]"),
            Option("-x", "numbers in hexadecimal"),
            Option("-d", "numbers in decimal"),
        ),
    ),
)
