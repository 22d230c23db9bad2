# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait for what other processes do: futexes, file locks, children, IPC, freezers."""

from __future__ import annotations

import struct

from LinuxDump import ipc_sets
from LinuxDump.file_locks import FileLock, flattened
from LinuxDump.hangs import cgroups
from LinuxDump.hangs.entries import Entry, offset
from LinuxDump.hangs.finder import Finder, Target
from LinuxDump.hangs.sleepers import Sleeper
from LinuxDump.saved_registers import registers_at
from LinuxDump.task_records import Task
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout

_FUTEX_TID_MASK = 0x3FFF_FFFF  # include/uapi/linux/futex.h
_CHILDREN = Layout("struct task_struct", "real_parent", "exit_state", "group_leader")
_IPC = Layout("struct task_struct", "nsproxy.ipc_ns")
_FROZEN = Layout("struct task_struct", "frozen")


# --- futexes


def futex(finder: Finder, sleeper: Sleeper) -> Target:
    """In futex_wait_queue() or futex_lock_pi()."""
    waiter = finder.futexes.get(sleeper.task.addr)
    if waiter is None:
        return Target("futex", "", evidence=f"it is in {sleeper.waits_in}()")
    kind = "futex_pi" if waiter.owner_addr else "futex"
    space = f" of mm {waiter.mm_addr:#x}" if waiter.mm_addr else f", {waiter.kind} memory"
    # In a file the key is an offset; the task itself gave an address.
    shown = waiter.user_addr if waiter.kind != "file" else _user_address(sleeper)
    text = f"{kind} at user address {shown:#x}{space}"
    key_name = f"futex {waiter.user_addr:#x} {waiter.space:#x}"
    is_new = key_name not in finder.nodes
    key = finder.add_with_key(key_name, kind, text)
    if waiter.owner_addr:
        owner = finder.add_task(waiter.owner_addr, "owner of a futex")
        finder.link(key, owner, "held by", "futex_pi_state.owner")
    elif is_new or not waiter.mm_addr and not finder.is_linked(key):
        holder, evidence = _user_holder(finder, sleeper)
        if holder is not None and holder.addr != sleeper.task.addr:
            task = finder.add_known_task(holder)
            finder.link(key, task, "held by", evidence, inferred=True)
    evidence = f"its futex_q {waiter.addr:#x} is queued"
    return Target(kind, key, "lock", evidence=evidence, addr=shown)


def _user_holder(finder: Finder, sleeper: Sleeper) -> tuple[Task | None, str]:
    # What the word and its neighbour say, in user memory: it need not be in the dump.
    task, addr = sleeper.task, _user_address(sleeper)
    if not addr or not task.pgd_addr:
        return None, ""
    try:
        data = lowlevel.dump().read_user(task.pgd_addr, addr, 16)
    except ReadError:
        return None, ""
    word, _, owner, _ = struct.unpack("<IIII", data)
    holder = finder.table.by_pid.get(word & _FUTEX_TID_MASK)
    # Small numbers are states of locks, not pids.
    if holder is not None and word & _FUTEX_TID_MASK > 2:
        return holder, "the word in user memory is its pid"
    # glibc's pthread_mutex_t: lock word 1 or 2, then count, then the owner's pid
    holder = finder.table.by_pid.get(owner)
    if word in (1, 2) and holder is not None and holder.tgid == task.tgid:
        return holder, "pthread_mutex_t.__owner beside the word is its pid"
    return None, ""


def _user_address(sleeper: Sleeper) -> int:
    # The first argument of futex(), in the registers of user mode.
    last = sleeper.stack.frames[-1]
    registers = registers_at(last.regs_addr) if last.kind == "user" else None
    return registers["di"] if registers is not None else 0


# --- file locks


def file_lock(finder: Finder, sleeper: Sleeper) -> Target:
    """In fcntl(F_SETLKW), flock() or lockf()."""
    found = finder.once(blocking).get(sleeper.task.addr)
    if found is None:
        return Target("file_lock", "", evidence=f"it is in {sleeper.waits_in}()")
    request, lock = found
    from_to = "" if not lock.start and lock.end is None else f" {lock.start}-{lock.end or 'end'}"
    inode = finder.names.inode(lock.inode_addr) or f"inode {lock.ino}"
    text = f"{lock.kind} {lock.type} lock{from_to} on {inode} (file_lock {lock.addr:#x})"
    key = finder.add("file_lock", lock.addr, text)
    holder = finder.table.by_pid.get(lock.pid)
    if holder is not None:
        finder.link(key, finder.add_known_task(holder), "held by", "pid in the file_lock")
    wants = {"READ": "read", "WRITE": "write"}.get(request.type, "lock")
    return Target("file_lock", key, wants, evidence="it sleeps in a request blocked by this lock")


def blocking(finder: Finder) -> dict[int, tuple[FileLock, FileLock]]:
    """The request and the lock that blocks it, by ``struct task_struct *`` that sleeps in it."""
    found = {}
    for _, lock in flattened(finder.file_locks):
        for request in lock.blocked:
            for task in request.sleepers:
                found[task] = (request, lock)
    return found


# --- children


def child(finder: Finder, sleeper: Sleeper) -> Target:
    """In wait4() and waitid(): for any child to end. Only a single one can be said to hold it."""
    known = finder.once(children).get(_leader_of(finder, sleeper.task), [])
    if len(known) != 1:
        return Target(
            "child", "", "exit", evidence=f"it is in do_wait(), with {len(known)} children"
        )
    text = f"exit of child pid {known[0].pid}"
    key = finder.add_with_key(f"children {sleeper.task.addr:#x}", "child", text)
    finder.link(key, finder.add_known_task(known[0]), "of", "its only child")
    return Target("child", key, "exit", evidence="it is in do_wait()")


def _leader_of(finder: Finder, task: Task) -> int:
    leader = finder.table.by_pid.get(task.tgid)
    return leader.addr if leader is not None else task.addr


def children(finder: Finder) -> dict[int, list[Task]]:
    """Processes by their parent's leading ``struct task_struct *``; zombies are left out."""
    found: dict[int, list[Task]] = {}
    tasks = finder.table.tasks
    rows = _CHILDREN.read_many([task.addr for task in tasks])
    leaders = {task.addr: row.group_leader for task, row in zip(tasks, rows) if row is not None}
    for task, row in zip(tasks, rows):
        if row is not None and task.pid == task.tgid and not row.exit_state and task.pid:
            parent = leaders.get(row.real_parent, row.real_parent)
            found.setdefault(parent, []).append(task)
    return found


# --- System V IPC


def sysv(finder: Finder, sleeper: Sleeper) -> Target:
    """In semop(), msgrcv() or msgsnd()."""
    is_semaphore = sleeper.has("do_semtimedop", "__do_semtimedop") is not None
    kind = "sysv_semaphore" if is_semaphore else "sysv_message"
    structs = (
        ("struct sem_queue",) if is_semaphore else ("struct msg_receiver", "struct msg_sender")
    )
    for name in structs:
        entry = finder.entries.find(sleeper, name)
        if entry is not None and entry.head_addr:
            addr, text = (_semaphore if is_semaphore else _message_queue)(finder, entry)
            key = finder.add(kind, addr, text)
            wants = {"struct msg_receiver": "read", "struct msg_sender": "write"}.get(name, "lock")
            return Target(kind, key, wants, evidence=f"its {name} {entry.addr:#x} is linked")
    return Target(kind, "", evidence=f"it is in {sleeper.waits_in}()")


def _semaphore(finder: Finder, entry: Entry) -> tuple[int, str]:
    # Lists are in the set, for operations on several, and in each of its semaphores.
    first, size = offset("struct sem_array", "sems"), lowlevel.sizeof("struct sem")
    for found in finder.once(semaphore_sets):
        inside = entry.head_addr - found.addr
        if 0 <= inside < first + size * found.semaphores:
            text = f"System V semaphore set {found.semid} (sem_array {found.addr:#x})"
            if inside < first:
                return found.addr, text
            number = (inside - first) // size
            pid = lowlevel.read_pointer(found.addr + first + size * number + _sempid())
            last = _pid_number(pid) if pid else 0
            user = f", last changed by pid {last}" if last else ""
            return found.addr, f"semaphore {number} of {text}{user}"
    return entry.head_addr, f"a System V semaphore with queue {entry.head_addr:#x}"


def _sempid() -> int:
    return offset("struct sem", "sempid")


def _pid_number(pid: int) -> int:
    # In the first namespace; v4.17 ("ipc/sem: Fix semctl ... between pid namespaces") keeps a pid.
    at = lowlevel.member("struct pid", "numbers").offset
    return lowlevel.read_int(pid + at + lowlevel.member("struct upid", "nr").offset, 4)


def _message_queue(finder: Finder, entry: Entry) -> tuple[int, str]:
    receives = entry.struct == "struct msg_receiver"
    addr = entry.head_addr - offset("struct msg_queue", "q_receivers" if receives else "q_senders")
    for found in finder.once(message_queues):
        if found.addr == addr:
            text = f"System V message queue {found.msqid} (msg_queue {addr:#x})"
            return addr, f"{text} with {found.messages} messages, {found.size_bytes} bytes"
    return addr, f"a System V message queue {addr:#x}"


def semaphore_sets(finder: Finder) -> list[ipc_sets.SemaphoreSet]:
    """Sets of the namespaces of all tasks."""
    return [found for ns in finder.once(ipc_namespaces) for found in ipc_sets.semaphore_sets(ns)]


def message_queues(finder: Finder) -> list[ipc_sets.MessageQueue]:
    """Queues of the namespaces of all tasks."""
    return [found for ns in finder.once(ipc_namespaces) for found in ipc_sets.message_queues(ns)]


def ipc_namespaces(finder: Finder) -> list[int]:
    """``struct ipc_namespace *`` of all tasks."""
    rows = _IPC.read_many([task.addr for task in finder.table.tasks])
    found = [row.nsproxy_ipc_ns for row in rows if row is not None and row.nsproxy_ipc_ns]
    return list(dict.fromkeys(found))


# --- freezers


def frozen(finder: Finder, sleeper: Sleeper) -> Target | None:
    """In the refrigerator of a cgroup, of version 1 or 2, or of a suspend."""
    if sleeper.waits_in == "get_signal" and not _is_frozen(sleeper.task.addr):
        return None
    path = cgroups.path_of_task(sleeper.task.addr, 1 if sleeper.has("__refrigerator") else 2)
    name = f"cgroup {path}" if path else "the freezer"
    key = finder.add_with_key(f"freezer {path}", "freezer", f"{name}, which is frozen")
    return Target("freezer", key, "thaw", evidence=f"it is in {sleeper.waits_in}()")


def _is_frozen(task: int) -> bool:
    if not compat.has("struct task_struct.frozen"):
        return False
    row = _FROZEN.read(task)
    return row is not None and bool(row.frozen)
