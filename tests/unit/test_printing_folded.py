# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines folded to the width of a terminal."""

from __future__ import annotations

from pykdump.printing import folded


def test_a_line_that_fits_or_a_pipe_changes_nothing() -> None:
    assert list(folded("  a  b", 6)) == ["  a  b"]
    assert list(folded("x" * 200, None)) == ["x" * 200]


def test_words_stay_whole_and_what_follows_is_indented() -> None:
    line = "    <- rwsem 0xffff8b20 (i_rwsem of inode 4) of tmpfs"
    assert list(folded(line, 30)) == [
        "    <- rwsem 0xffff8b20",
        "        (i_rwsem of inode 4)",
        "        of tmpfs",
    ]
    assert list(folded("a " + "x" * 20 + " b", 10)) == ["a", "    " + "x" * 20, "    b"]


def test_colours_take_no_room() -> None:
    line = "\033[1;31mab\033[0m cd ef"
    assert list(folded(line, 8)) == [line]
    assert list(folded(line, 5)) == ["\033[1;31mab\033[0m cd", "ef"]
