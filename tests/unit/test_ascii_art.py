# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames and trees of line characters."""

from __future__ import annotations

from pykdump import Misc
from pykdump.ASCII_Art import AA_Node, EmbeddedFrames


def test_frames_hold_texts_and_frames() -> None:
    outer, inner = EmbeddedFrames("init"), EmbeddedFrames("container")
    inner.addText("PID 1\nPID 22")
    outer.addText("a")
    outer.addFrame(inner)
    assert str(outer).splitlines() == [
        "┌─init──────────┐",
        "│ a             │",
        "│ ┌─container─┐ │",
        "│ │ PID 1     │ │",
        "│ │ PID 22    │ │",
        "│ └───────────┘ │",
        "└───────────────┘",
    ]
    assert str(EmbeddedFrames("x")) == "┌─x─┐\n└───┘"


def test_a_tree_grows_from_left_to_right() -> None:
    root = AA_Node("mutex")
    owner = AA_Node("pid 7", root)
    AA_Node("pid 8", owner)
    other = AA_Node("pid 9")
    owner.glue(other)
    owner.glue(other)
    AA_Node(10, other)
    AA_Node("pid 11", owner)
    assert str(root).splitlines() == [
        "mutex ── pid 7 ┬─ pid 8",
        "               ├─ pid 9 ── 10",
        "               └─ pid 11",
    ]
    assert root.HorTree() == str(root)


def test_labels_of_several_lines_keep_the_tree_whole() -> None:
    root = AA_Node("a\nlong")
    AA_Node("x\ny", root)
    AA_Node("z", root)
    assert str(root).splitlines() == ["a    ┬─ x", "long │  y", "     └─ z"]


def test_a_deadlock_is_drawn_and_ends() -> None:
    one, two = AA_Node("one"), AA_Node("two")
    one.glue(two)
    two.glue(one)
    assert str(one) == "one ── two ── one ..."


def test_the_old_name_of_the_module() -> None:
    assert Misc.AA_Node is AA_Node and Misc.EmbeddedFrames is EmbeddedFrames
