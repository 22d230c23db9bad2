# SPDX-License-Identifier: GPL-2.0-or-later
"""What the API asks of the models of the kernel, which lie above it: tasks, symbols, paths.

The plugin puts them here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pykdump.errors import NoDumpError

if TYPE_CHECKING:
    from pykdump._accel import SymbolTable


class Models(Protocol):
    """Answers about the open dump."""

    def symbols(self) -> SymbolTable:
        """Symbols of the kernel and its modules."""

    def modules(self) -> list[str]:
        """Names of the loaded modules."""

    def path(self, dentry: int, vfsmount: int) -> str:
        """Path of a ``struct dentry *`` below a ``struct vfsmount *``, or below the dentry's root
        if that is 0."""

    def task_of_pid(self, pid: int) -> int:
        """``struct task_struct *``, 0 when there is none."""

    def pid_of_task(self, task: int) -> int | None:
        """None for what is no task."""

    def is_running(self, task: int) -> bool:
        """Whether a task ran on a CPU."""

    def memory_of_task(self, task: int) -> tuple[int, int]:
        """Virtual and resident size in KiB of a ``struct task_struct *``; zeros without memory."""

    def sys_lines(self) -> dict[str, str]:
        """What describes the dump: KERNEL, DUMPFILE, CPUS, DATE, ..."""


#: The plugin's, None outside GDB.
provider: Models | None = None


def get() -> Models:
    """The models of the open dump; raises NoDumpError."""
    if provider is None:
        raise NoDumpError("no dump is open; open one with: pykdump open VMCORE")
    return provider
