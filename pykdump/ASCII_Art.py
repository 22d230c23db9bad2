# SPDX-License-Identifier: GPL-2.0-or-later
"""Boxes in boxes and trees, drawn with line characters."""

from __future__ import annotations

from collections.abc import Iterator


class EmbeddedFrames:
    """A frame with a title that holds texts and other frames.

    >>> from pykdump.ASCII_Art import EmbeddedFrames
    >>> outer, inner = EmbeddedFrames("init"), EmbeddedFrames("container")
    >>> inner.addText("PID 1")
    >>> outer.addFrame(inner)
    >>> print(outer)
    ┌─init──────────┐
    │ ┌─container─┐ │
    │ │ PID 1     │ │
    │ └───────────┘ │
    └───────────────┘
    """

    def __init__(self, title: object) -> None:
        self._title = str(title)
        self._parts: list[str | EmbeddedFrames] = []

    def addText(self, text: object) -> None:
        """Add lines of text below what is there."""
        self._parts.append(str(text))

    def addFrame(self, other: EmbeddedFrames) -> None:
        """Add a frame below what is there."""
        self._parts.append(other)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        inner = [line for part in self._parts for line in str(part).splitlines()]
        width = max([len(self._title), *map(len, inner)])
        yield f"┌─{self._title.ljust(width, '─')}─┐"
        yield from (f"│ {line.ljust(width)} │" for line in inner)
        yield f"└─{'─' * width}─┘"


class AA_Node:
    """A node of a tree, labelled with the text of an object.

    >>> from pykdump.ASCII_Art import AA_Node
    >>> root = AA_Node("mutex")
    >>> owner = AA_Node("pid 7", root)
    >>> for pid in 8, 9:
    ...     owner.glue(AA_Node(f"pid {pid}"))
    >>> print(root)
    mutex ── pid 7 ┬─ pid 8
                   └─ pid 9
    """

    def __init__(self, obj: object, parent: AA_Node | None = None) -> None:
        self.obj = obj
        self.children: list[AA_Node] = []
        if parent is not None:
            parent.glue(self)

    def glue(self, other: AA_Node) -> None:
        """Hang another tree below this node; the same one only once."""
        if other not in self.children:
            self.children.append(other)

    def HorTree(self) -> str:
        """The tree from left to right, each label a box of its own lines."""
        return "\n".join(self._lines(()))

    __str__ = HorTree

    def _lines(self, above: tuple[AA_Node, ...]) -> list[str]:
        # A node that is met again below itself is shown, and not followed.
        label = (str(self.obj).splitlines() or [""]) if self not in above else [f"{self.obj} ..."]
        children = [] if self in above else self.children
        below = [child._lines((*above, self)) for child in children]
        if not below:
            return label
        rows = [
            row for number, rows in enumerate(below) for row in _joined(rows, number, len(below))
        ]
        width = max(map(len, label))
        blank = [""] * max(0, len(rows) - len(label))
        rows += ["   " if len(below) == 1 else ""] * max(0, len(label) - len(rows))
        return [f"{left:<{width}} {right}".rstrip() for left, right in zip(label + blank, rows)]


def _joined(rows: list[str], number: int, count: int) -> Iterator[str]:
    # The rows of one child, with the line that leads to it before them.
    if count == 1:
        first, others = "── ", "   "
    elif number == 0:
        first, others = "┬─ ", "│  "
    elif number < count - 1:
        first, others = "├─ ", "│  "
    else:
        first, others = "└─ ", "   "
    yield first + rows[0]
    yield from (others + row for row in rows[1:])
