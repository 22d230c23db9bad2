# SPDX-License-Identifier: GPL-2.0-or-later
"""What addresses can be of: the kernel, the machine's memory, the selected task, the dump file."""

from __future__ import annotations

import os
from collections.abc import Callable

from crashcmd import context
from pykdump import lowlevel
from pykdump.errors import CrashError, ReadError

#: Gives so many bytes from an address on; raises ReadError.
Reader = Callable[[int, int], bytes]


def of_task() -> Reader:
    """User memory of the selected task; raises CrashError when it has none."""
    task, dump = context.current(), lowlevel.dump()
    pgd = task.pgd_addr
    if not pgd:
        raise CrashError(f"the selected task, pid {task.pid}, has no user memory")
    return lambda addr, size: dump.read_user(pgd, addr, size)


def of_file() -> Reader:
    """The bytes of the dump file as they are; of a dump in several files, of the first."""
    return _read_file


def _read_file(offset: int, size: int) -> bytes:
    path = lowlevel.dump().paths[0]
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            inside = 0 <= offset < os.fstat(descriptor).st_size
            found = os.pread(descriptor, size, offset) if inside else b""
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror}") from None
    if len(found) < size:
        raise ReadError(f"cannot read {size} bytes at {offset:#x} of {path}: the file ends before")
    return found
