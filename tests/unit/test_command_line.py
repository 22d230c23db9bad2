# SPDX-License-Identifier: GPL-2.0-or-later
"""What of GDB's command line concerns a dump; expected values by GDB's manual and `gdb --help`."""

from __future__ import annotations

import pytest

from pykdump_gdb.command_line import parse


@pytest.mark.parametrize(
    ("words", "program", "core"),
    [
        ("vmlinux vmcore", "vmlinux", "vmcore"),
        ("-nx -batch -x init.py vmlinux vmcore -ex bt", "vmlinux", "vmcore"),
        ("--command=init.py vmlinux vmcore", "vmlinux", "vmcore"),
        ("--com init.py vmlinux", "vmlinux", None),
        ("vmlinux --core=vmcore", "vmlinux", "vmcore"),
        ("-c vmcore -se vmlinux", "vmlinux", "vmcore"),
        ("--symb vmlinux --core vmcore", "vmlinux", "vmcore"),
        ("-d sources -D data -iex x -ix y vmlinux vmcore", "vmlinux", "vmcore"),
        ("vmlinux 1234", "vmlinux", "1234"),
        ("-p 1234 vmlinux", "vmlinux", None),
        ("--args vmlinux vmcore", "vmlinux", None),
        ("-- -odd-name vmcore", "-odd-name", "vmcore"),
        ("", None, None),
    ],
)
def test_program_and_core_are_found_among_options(
    words: str, program: str | None, core: str | None
) -> None:
    assert parse(words.split()) == (program, core)
