# SPDX-License-Identifier: GPL-2.0-or-later
"""What GDB does on its own account: let go of the target, end, load other symbols."""

from __future__ import annotations

import gdb

from pykdump._accel import drop_interrupt
from pykdump_gdb import cfi, session, symbols


def register() -> None:
    """Listen to GDB."""
    gdb.events.connection_removed.connect(_connection_removed)
    # A SIGTERM would raise KeyboardInterrupt where _exiting() begins.
    gdb.events.gdb_exiting.connect(drop_interrupt)
    gdb.events.gdb_exiting.connect(_exiting)
    symbols.watch()


def _connection_removed(event: gdb.ConnectionEvent) -> None:
    session.connection_gone(event.connection)


def _exiting(event: gdb.GdbExitingEvent) -> None:
    try:
        session.close()
    finally:
        cfi.forget()
