# SPDX-License-Identifier: GPL-2.0-or-later
"""`gdb -x pykdump-init.py vmlinux vmcore`: opens the dump that GDB could not, or opened wrong.

GDB tries the second word as a core file before it reads -x scripts. For kdump formats it has then
printed an error, for an ELF dump it made a core target that knows nothing of tasks. A pid and the
core of a user process are left alone.
"""

from __future__ import annotations

import os

import gdb

from pykdump import files
from pykdump_gdb import command_line

_done = False


def consider() -> None:
    """Open the dump that GDB was started with, if it was; only the first call does anything."""
    global _done
    if _done:
        return
    _done = True
    asked = command_line.parse(_own_command_line())
    if asked.core is None or not _is_kernel_dump(asked.core):
        return
    if asked.program is not None and gdb.current_progspace().filename is None:
        # From ~/.gdbinit or -ix: GDB has not come to the files yet.
        gdb.events.before_prompt.connect(_at_first_prompt)
    else:
        _take_over(asked.core)


def _own_command_line() -> list[str]:
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return [os.fsdecode(word) for word in file.read().split(b"\0")[1:-1]]
    except OSError:
        return []


def _is_kernel_dump(path: str) -> bool:
    try:
        return files.kind_of(os.path.expanduser(path)) is files.Kind.VMCORE
    except OSError:
        return False


def _at_first_prompt() -> None:
    gdb.events.before_prompt.disconnect(_at_first_prompt)
    core = command_line.parse(_own_command_line()).core
    try:
        if core is not None:
            _take_over(core)
    except gdb.GdbError as error:
        gdb.write(f"{error}\n", gdb.STDERR)


def _take_over(core: str) -> None:
    from pykdump_gdb.command import run_as_command
    from pykdump_gdb.commands import open_and_tell

    connection = gdb.selected_inferior().connection
    if connection is not None:
        if connection.type != "core":
            return  # a live process, or somebody's own target
        gdb.execute("core-file", to_string=True)
    gdb.write(f"{core} is a kernel dump: pykdump opens it\n")
    run_as_command(lambda: open_and_tell([os.path.expanduser(core)], None, False))
