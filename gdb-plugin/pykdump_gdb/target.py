# SPDX-License-Identifier: GPL-2.0-or-later
"""Connects GDB to the server of a dump, and lets go of it."""

from __future__ import annotations

import os
import re
import tempfile

import gdb

from pykdump._accel import TargetServer
from pykdump.errors import PykdumpError
from pykdump_gdb import settings

# GDB's own cache of target memory: users' scripts get 10 times quicker by it, and it is safe as a
# dump never changes. The region is the kernel's half: 5-level page tables begin it at 0xff000….
_WHILE_OPEN = {
    "dcache line-size": 4096,
    "dcache size": 32768,
    "remotetimeout": 600,
    "mem inaccessible-by-default": False,  # user memory lies outside the region
    "confirm": False,  # quitting loses nothing
    "may-write-memory": False,  # GDB then says so itself
    "may-write-registers": False,
}
_KERNEL_HALF = 0xFF00_0000_0000_0000


class Connection:
    """GDB's connection to a server; `close` gives back all that it changed."""

    def __init__(self, server: TargetServer) -> None:
        self._before = {name: gdb.parameter(name) for name in _WHILE_OPEN}
        self._region: int | None = None
        self._inferior = gdb.selected_inferior()
        self.target: gdb.TargetConnection | None = None
        self._server = server

    def open(self) -> None:
        """Connect the selected inferior; raises PykdumpError."""
        for name, value in _WHILE_OPEN.items():
            settings.assign(name, value)
        self._region = _add_cached_region()
        path = self._server.start(_socket_directory())
        with settings.quiet():
            try:
                gdb.execute(f"target remote {path}", to_string=True)
            except gdb.error as error:
                raise PykdumpError(f"GDB cannot connect to the dump's server: {error}") from None
        self.target = self._inferior.connection

    def close(self) -> None:
        """Disconnect if GDB still is connected, and give settings back."""
        target, self.target = self.target, None
        with settings.quiet():
            if target is not None and target.is_valid() and self._inferior.is_valid():
                self._disconnect()
            if self._region is not None:
                gdb.execute(f"delete mem {self._region}", to_string=True)
                if not _region_numbers():
                    gdb.execute("mem auto", to_string=True)  # as it is in a new GDB
                self._region = None
        for name, value in self._before.items():
            settings.assign(name, value)

    def _disconnect(self) -> None:
        selected = gdb.selected_inferior()
        if selected.num != self._inferior.num:
            gdb.execute(f"inferior {self._inferior.num}", to_string=True)
        gdb.execute("disconnect", to_string=True)
        if selected.num != self._inferior.num and selected.is_valid():
            gdb.execute(f"inferior {selected.num}", to_string=True)


def _socket_directory() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return runtime if runtime and os.access(runtime, os.W_OK) else tempfile.gettempdir()


def _add_cached_region() -> int | None:
    # Returns its number, None where the user has a region of their own there.
    before = _region_numbers()
    try:
        gdb.execute(f"mem {_KERNEL_HALF:#x} 0 ro cache", to_string=True)
    except gdb.error:
        return None
    return max(_region_numbers() - before, default=None)


def _region_numbers() -> set[int]:
    listing = gdb.execute("info mem", to_string=True)
    return {int(number) for number in re.findall(r"^(\d+)\s", listing, re.MULTILINE)}
