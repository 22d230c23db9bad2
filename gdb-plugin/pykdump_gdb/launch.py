# SPDX-License-Identifier: GPL-2.0-or-later
"""What the launcher has GDB do: open the dump, run commands, and in batch mode tell how it went."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import gdb

from pykdump_gdb import scripts
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
    """Open a dump and execute GDB commands; in batch mode GDB ends, with status 1 if one failed.

    Commands after a dump that could not be opened are not executed.
    """
    failed = not _succeeds(lambda: open_and_tell(vmcores, vmlinux, force))
    if not failed:
        for command in execute:
            scripts.last_status = 0
            failed |= not _succeeds(partial(gdb.execute, command)) or scripts.last_status != 0
    if batch:
        gdb.execute("set confirm off")
        gdb.execute("quit 1" if failed else "quit 0")


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
