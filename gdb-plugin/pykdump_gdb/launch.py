# SPDX-License-Identifier: GPL-2.0-or-later
"""What the launcher has GDB do: open the dump, run commands, and in batch mode tell how it went."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import gdb

from pykdump.tool import FAILED, FOUND
from pykdump_gdb import scripts, terminal, tools
from pykdump_gdb.command import Action, run_as_command
from pykdump_gdb.commands import open_and_tell


def run(
    vmcores: Sequence[str],
    vmlinux: str | None,
    *,
    force: bool,
    execute: Sequence[str],
    batch: bool,
) -> None:
    """Open a dump and execute GDB commands; in batch mode GDB ends, with the worst status.

    It is 2 if the dump could not be opened or a command failed, 1 if a tool found something or a
    script did not end with 0. Commands after a dump that could not be opened are not executed.
    """
    terminal.is_batch = batch
    status = 0 if _succeeds(lambda: open_and_tell(vmcores, vmlinux, force)) else FAILED
    if not status:
        for command in execute:
            status = max(status, _status_of(command))
    if batch:
        gdb.execute("set confirm off")
        gdb.execute(f"quit {status}")


def _status_of(command: str) -> int:
    name = command.split()[0] if command.strip() else ""
    if name in tools.names() and not _is_command(name):
        command = f"pykdump {command}"
    scripts.last_status, scripts.last_was_tool = 0, False
    if not _succeeds(partial(gdb.execute, command, terminal.is_terminal())):
        return FAILED
    if scripts.last_was_tool:
        return scripts.last_status
    return FOUND if scripts.last_status else 0


def _is_command(name: str) -> bool:
    return name in gdb.execute(f"complete {name}", to_string=True).split("\n")


def _succeeds(action: Action) -> bool:
    try:
        run_as_command(action)
    except (gdb.GdbError, gdb.error) as error:
        gdb.flush(gdb.STDOUT)
        gdb.write(f"{error}\n", gdb.STDERR)
        return False
    except KeyboardInterrupt:
        gdb.write("interrupted\n", gdb.STDERR)
        return False
    return True
