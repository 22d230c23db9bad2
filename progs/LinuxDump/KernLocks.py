# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: locks, printed, and who waits for them. Records are in LinuxDump.locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from LinuxDump import locks, spinlocks
from LinuxDump.lock_waiters import Waiter
from LinuxDump.task_records import task_table
from pykdump import API
from pykdump.errors import ReadError
from pykdump.structs import StructResult

# What a script gets by a star import: these and the whole API, some of which is read only then.
__all__ = [
    "decode_mutex",
    "decode_rwsemaphore",
    "decode_semaphore",
    "get_mutex_waiters",
    "get_rwsemaphore_tasks",
    "spin_is_locked",
    *API.__all__,
]


def __getattr__(name: str) -> Any:
    return getattr(API, name)


def spin_is_locked(lock: int) -> bool:
    """Whether a ``spinlock_t *`` is taken; raises crash.error when it is not in the dump."""
    found = spinlocks.read_spinlock(int(lock))
    if found is None:
        raise ReadError(f"spinlock_t at {int(lock):#x} cannot be read: it is not in the dump")
    return found.is_locked


def get_mutex_waiters(addr: int) -> list[Any]:
    """``struct task_struct`` of each task that waits for a ``struct mutex *``, in order."""
    return _tasks(locks.read_mutex(int(addr)).waiters)


def get_rwsemaphore_tasks(addr: int) -> list[Any]:
    """``struct task_struct`` of each task that waits for a ``struct rw_semaphore *``, in order."""
    return _tasks(locks.read_rwsem(int(addr)).waiters)


def decode_mutex(addr: int) -> None:
    """Print who waits for a ``struct mutex *``, and who owns it."""
    mutex = locks.read_mutex(int(addr))
    print(f" <struct mutex {mutex.addr:#x}> ".center(70, "-"))
    if mutex.waiters:
        print("  Waiters on this mutex:")
        _print_waiters(mutex.waiters)
    if mutex.owner_addr:
        print(f"  Owner of this mutex: {_named(mutex.owner_addr)}")


def decode_semaphore(addr: int, v: int = 1) -> list[tuple[int, str]]:
    """Pid and comm of each task that waits for a ``struct semaphore *``, in order.

    :param v: 0 prints nothing.
    """
    semaphore = locks.read_semaphore(int(addr))
    if v:
        print(f"<struct semaphore {semaphore.addr:#x}>")
        _print_waiters(semaphore.waiters)
    return [(task.pid, str(task.comm)) for task in _tasks(semaphore.waiters)]


def decode_rwsemaphore(addr: int) -> None:
    """Print who waits for a ``struct rw_semaphore *``, and who holds it as far as it is known."""
    sem = locks.read_rwsem(int(addr))
    print(f"<struct rw_semaphore {sem.addr:#x}>")
    _print_waiters(sem.waiters)
    if sem.state.held_for == "write" and sem.state.writer_addr:
        print(f"  Writer of this rw_semaphore: {_named(sem.state.writer_addr)}")
    elif sem.state.held_for == "read":
        if sem.state.last_reader_addr:
            print(f"  Reader of this rw_semaphore: {_named(sem.state.last_reader_addr)}")
        else:
            print("  Reader is the owner")


def _tasks(waiters: Sequence[Waiter]) -> list[Any]:
    return [StructResult("struct task_struct", waiter.task_addr) for waiter in waiters]


def _print_waiters(waiters: Sequence[Waiter]) -> None:
    for task in _tasks(waiters):
        print(f"  {task.pid:8d}  {task.comm}")


def _named(task: int) -> str:
    # The last reader of a rw_semaphore may have ended since.
    if task not in task_table().by_addr:
        return f"<struct task_struct {task:#x}>, which is no task any more"
    found = StructResult("struct task_struct", task)
    return f"pid={found.pid} cmd={found.comm}"
