# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait for locks: mutexes, rw_semaphores, rt_mutexes, semaphores, percpu ones."""

from __future__ import annotations

from LinuxDump import lock_words, locks
from LinuxDump.block_devices import Disk
from LinuxDump.hangs import device_mapper
from LinuxDump.hangs.entries import KINDS, is_linked, offset, places
from LinuxDump.hangs.filesystems import FileSystem
from LinuxDump.hangs.finder import Finder, Target, key_of
from LinuxDump.hangs.sleepers import Sleeper
from LinuxDump.lock_waiters import is_task
from LinuxDump.percpu_rwsem import PercpuRwsem, read_percpu_rwsem
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError, ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

_BLOCKER = Layout("struct task_struct", "blocker")
_RT_WAITER = Layout("struct rt_mutex_waiter", "task", "lock")
_WRITER = Layout("struct percpu_rw_semaphore", "writer.task", "Block")


def _lock_of(finder: Finder, sleeper: Sleeper, lock: str, waiter: str) -> tuple[int, str]:
    # Address of the lock in whose list the task's waiter is, with the evidence; 0 without.
    entry = finder.entries.find(sleeper, waiter)
    head = lowlevel.member(lock, compat.spelling(lock, "Waiters"))
    if entry is not None and head.size == 16:
        if entry.head_addr:
            return entry.head_addr - head.offset, f"its {waiter} {entry.addr:#x} is in the list"
    elif entry is not None:  # kernels to come: the lock points to the first of a circle
        for word in sleeper.words():
            if _is_first(word + head.offset, waiter):
                return word, f"its {waiter} {entry.addr:#x} is queued, the lock's address beside it"
    if compat.has("struct task_struct.blocker"):
        row = _BLOCKER.read(sleeper.task.addr)
        found = lock_words.decode_blocker(row.blocker) if row else None
        if found and found[0].split(",")[0] == lock.split()[-1].replace("rw_semaphore", "rwsem"):
            return found[1], "task_struct.blocker"
    return 0, ""


def _is_first(place: int, waiter: str) -> bool:
    kind = KINDS[waiter]
    try:
        first = lowlevel.read_pointer(place)
        if not is_linked(first + lowlevel.member(waiter, kind.node).offset):
            return False
        return is_task(lowlevel.read_pointer(first + lowlevel.member(waiter, kind.task).offset))
    except ReadError:
        return False


def _unknown(sleeper: Sleeper, kind: str) -> Target:
    return Target(kind, "", evidence=f"it is in {sleeper.waits_in}(), with no waiter to be found")


def mutex(finder: Finder, sleeper: Sleeper) -> Target:
    """In __mutex_lock() and the like."""
    if compat.has("struct mutex.Rt_mutex"):
        return rt_mutex(finder, sleeper, "mutex")
    addr, evidence = _lock_of(finder, sleeper, "struct mutex", "struct mutex_waiter")
    if not addr:
        return _unknown(sleeper, "mutex")
    return Target("mutex", add_mutex(finder, addr), "lock", evidence=evidence)


def add_mutex(finder: Finder, addr: int) -> str:
    """The node of a mutex, with its owner."""
    if finder.has("mutex", addr):
        return key_of("mutex", addr)
    key = finder.add_named("mutex", addr)
    try:
        owner = locks.read_mutex(addr).owner_addr
    except PykdumpError as error:
        pylog.warning(f"the owner of mutex {addr:#x} is not known: {error}")
        return key
    if owner:
        finder.link(
            key, finder.add_task(owner, f"owner of mutex {addr:#x}"), "held by", "its owner"
        )
    return key


def rwsem(finder: Finder, sleeper: Sleeper) -> Target:
    """In rwsem_down_read_slowpath() and the like."""
    if compat.has("struct rw_semaphore.Rt_mutex"):
        return rt_mutex(finder, sleeper, "rwsem")
    addr, evidence = _lock_of(finder, sleeper, "struct rw_semaphore", "struct rwsem_waiter")
    wants = "read" if "read" in sleeper.waits_in else "write"
    if not addr:
        return _unknown(sleeper, "rwsem")
    return Target("rwsem", add_rwsem(finder, addr), wants, evidence=evidence)


def add_rwsem(finder: Finder, addr: int) -> str:
    """The node of a rw_semaphore, with its writer, or the last that got it for reading."""
    if finder.has("rwsem", addr):
        return key_of("rwsem", addr)
    key = finder.add_named("rwsem", addr)
    try:
        sem = locks.read_rwsem(addr)
    except PykdumpError as error:
        pylog.warning(f"who holds rwsem {addr:#x} is not known: {error}")
        return key
    state = sem.state
    if state.writer_addr:
        writer = finder.add_task(state.writer_addr, f"writer of rwsem {addr:#x}")
        finder.link(key, writer, "held for writing by", "its owner")
    elif state.held_for == "read" and state.last_reader_addr in finder.table.by_addr:
        if state.last_reader_addr not in {waiter.task_addr for waiter in sem.waiters}:
            reader = finder.add_task(state.last_reader_addr, "reader")
            count = (
                f"{state.readers} readers hold it" if state.readers != 1 else "1 reader holds it"
            )
            evidence = f"the last that got it for reading; {count}"
            finder.link(key, reader, "held for reading by", evidence, inferred=True)
    return key


def rt_mutex(finder: Finder, sleeper: Sleeper, kind: str = "rt_mutex") -> Target:
    """In rt_mutex_slowlock_block(), and on PREEMPT_RT in the other locks too."""
    addr, waiter = rt_mutex_of(sleeper)
    if not addr:
        return _unknown(sleeper, kind)
    key = finder.add_named(kind, addr)
    if not finder.is_linked(key):
        try:
            owner = locks.read_rt_mutex(addr).owner_addr
        except ReadError as error:
            pylog.warning(f"the owner of rt_mutex {addr:#x} is not known: {error}")
            owner = 0
        if owner:
            task = finder.add_task(owner, f"owner of rt_mutex {addr:#x}")
            finder.link(key, task, "held by", "its owner")
    return Target(kind, key, "lock", evidence=f"its rt_mutex_waiter {waiter:#x} is in the tree")


def rt_mutex_of(sleeper: Sleeper) -> tuple[int, int]:
    """Addresses of the rt_mutex that a task waits for, and of its waiter; zeros when not found."""
    struct = "struct rt_mutex_waiter"
    task_at, node_at = offset(struct, "task"), offset(struct, "Node")
    root_at = offset("struct rt_mutex", "Waiters") + offset("struct rb_root_cached", "rb_root")
    for place in places(sleeper, sleeper.task.addr):
        waiter = place - task_at
        row = _RT_WAITER.read(waiter)
        try:
            if (
                row is not None
                and row.lock
                and _top_of_tree(waiter + node_at) == (lowlevel.read_pointer(row.lock + root_at))
            ):
                return row.lock, waiter
        except ReadError:
            continue
    return 0, 0


_DEEPEST = 64


def _top_of_tree(node: int) -> int:
    # struct rb_node begins with its parent, and its colour in the low bits
    for _ in range(_DEEPEST):
        parent = lowlevel.read_pointer(node) & ~3
        if not parent:
            return node
        node = parent
    return 0


def semaphore(finder: Finder, sleeper: Sleeper) -> Target:
    """In __down_common()."""
    struct = "struct semaphore"
    addr, evidence = _lock_of(finder, sleeper, struct, "struct semaphore_waiter")
    if not addr:
        return _unknown(sleeper, "semaphore")
    key = finder.add_named("semaphore", addr)
    try:
        holder = locks.read_semaphore(addr).last_holder_addr
    except PykdumpError as error:
        pylog.warning(f"semaphore {addr:#x}: {error}")
        holder = 0
    if holder in finder.table.by_addr:
        task = finder.add_task(holder, "holder")
        finder.link(key, task, "held by", "the last that took it", inferred=True)
    return Target("semaphore", key, "lock", evidence=evidence)


def percpu_rwsem(finder: Finder, sleeper: Sleeper) -> Target:
    """In percpu_rwsem_wait()."""
    entry = finder.entries.find(sleeper, "struct wait_queue_entry")
    if entry is None or not entry.head_addr:
        return _unknown(sleeper, "percpu_rwsem")
    struct = "struct percpu_rw_semaphore"
    head_at = offset(struct, "waiters") + offset("struct wait_queue_head", "head")
    addr = entry.head_addr - head_at
    wants = "write" if sleeper.has("percpu_down_write") else "read"
    evidence = f"its wait_queue_entry {entry.addr:#x} is in the list"
    return Target("percpu_rwsem", add_percpu_rwsem(finder, addr), wants, evidence=evidence)


def percpu_drain(finder: Finder, sleeper: Sleeper) -> Target:
    """In percpu_down_write(), waiting for the readers to leave."""
    for word in sleeper.words():
        if finder.is_on_stack_of(sleeper, word):
            continue
        row = _WRITER.read(word)
        if row is not None and row.Block == 1 and row.writer_task == sleeper.task.addr:
            key = add_percpu_rwsem(finder, word)
            # It has the lock; only the readers hold it up.
            readers = finder.add("percpu readers", word, f"readers of {finder.nodes[key].text}")
            return Target("percpu_rwsem", readers, "write", False, "the lock names it", word)
    return _unknown(sleeper, "percpu_rwsem")


def add_percpu_rwsem(finder: Finder, addr: int) -> str:
    """The node of a percpu_rw_semaphore, with what is known of who has it."""
    if finder.has("percpu_rwsem", addr):
        return key_of("percpu_rwsem", addr)
    try:
        sem = read_percpu_rwsem(addr)
    except PykdumpError as error:
        pylog.warning(f"percpu_rwsem {addr:#x}: {error}")
        return finder.add("percpu_rwsem", addr, f"percpu_rwsem {addr:#x}")
    system = frozen_file_system(finder, addr)
    if system is not None:
        key = finder.add("percpu_rwsem", addr, f"percpu_rwsem {addr:#x} (writes to {system.text})")
        if system.frozen:
            finder.link(key, add_file_system(finder, system), "held by", "s_writers.frozen")
    else:
        key = finder.add_named("percpu_rwsem", addr)
    _link_writer(finder, key, sem)
    return key


def _link_writer(finder: Finder, key: str, sem: PercpuRwsem) -> None:
    writer = sem.draining_addr or sem.writer_addr
    if writer:
        task = finder.add_task(writer, f"writer of percpu_rwsem {sem.addr:#x}")
        how = "being write-locked by" if sem.draining_addr else "held for writing by"
        finder.link(key, task, how, "the lock names it")


def frozen_file_system(finder: Finder, addr: int) -> FileSystem | None:
    """The file system that a percpu_rw_semaphore guards from writes; None for another lock."""
    at = lowlevel.member("struct super_block", "s_writers.rw_sem")
    for system in finder.names.systems.values():
        if 0 <= addr - system.addr - at.offset < at.size:
            return system
    return None


def add_file_system(finder: Finder, system: FileSystem) -> str:
    """The node of a frozen file system, with its device where that froze it."""
    if finder.has("file system", system.addr):
        return key_of("file system", system.addr)
    device = finder.devices.get(system.device_addr)
    by_device = device is not None and device.freezes > 0
    if by_device:
        who = "by its device"
    elif system.frozen_by == "kernel":
        who = "by the kernel"
    else:
        who = "by ioctl FIFREEZE (fsfreeze), whose caller is not kept"
    state = f"frozen {who}" if system.frozen == "frozen" else f"being frozen: {system.frozen}"
    key = finder.add("file system", system.addr, f"{system.text} is {state}")
    if by_device and device is not None:
        finder.link(
            key, add_frozen_disk(finder, device.disk_addr), "frozen by", "bd_fsfreeze_count"
        )
    return key


def add_frozen_disk(finder: Finder, addr: int) -> str | None:
    """The node of a disk whose driver froze the file system on it."""
    disk = next((disk for disk in finder.disks if disk.addr == addr), None)
    if disk is None:
        return None
    return add_disk(finder, disk, froze=True)


def add_disk(finder: Finder, disk: Disk, froze: bool = False) -> str:
    """The node of a disk, which does not answer, or froze the file system on it."""
    name = f"{device_mapper.name_of(finder, disk)} ({disk.major}:{disk.first_minor})"
    if not device_mapper.is_mapped(disk):
        return finder.add("disk", disk.addr, f"disk {name} froze the file system on it")
    state = device_mapper.state_text(finder, disk)
    if state:
        return finder.add("disk", disk.addr, f"dm device {name}: {state}")
    guess = " froze its file system, as dmsetup suspend does" if froze else ""
    hint = "; 'pykdump module load dm_mod' lets this be told for sure"
    return finder.add("disk", disk.addr, f"dm device {name}{guess}{hint}")
