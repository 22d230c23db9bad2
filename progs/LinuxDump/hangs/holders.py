# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may hold what the kernel notes no holder of: inferred from code and stacks, with evidence.

A variable: a task has a function on its stack whose machine code has the variable's address. An
object: its address lies in the frames of a task that does not wait for it.
"""

from __future__ import annotations

import bisect
import re
import struct
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple

from LinuxDump.hangs.finder import Finder
from LinuxDump.hangs.graph import Node
from LinuxDump.hangs.sleepers import Sleeper, bare, is_scheduler
from LinuxDump.task_records import Task
from pykdump import lowlevel
from pykdump.errors import ReadError

#: Kinds whose holders may be found so, and what a holder does with them.
_KINDS = {
    "rwsem": "held by",
    "semaphore": "held by",
    "percpu_rwsem": "held by",
    "percpu readers": "held for reading by",
    "srcu": "read under by",
    "completion": "to be completed by",
    "page": "locked by",
    "bit": "set by",
}
#: More candidates than that say nothing.
_MOST = 5
_MOST_OBJECTS = 256
_MOST_CODE = 1 << 16
_MOST_STACK = 1 << 14
# What everybody has on the stack while asleep is no evidence.
_ENTRY = frozenset(("entry_SYSCALL_64_after_hwframe", "do_syscall_64", "ret_from_fork", "kthread"))


def infer(finder: Finder, waiters: dict[int, set[int]]) -> None:
    """Link objects without a holder to the tasks that may be it.

    :param waiters: ``struct task_struct *`` of those that wait for an object, by its address.
    """
    wanted = [
        node
        for node in list(finder.nodes.values())
        if node.kind in _KINDS and node.addr and not finder.is_linked(node.key)
    ][:_MOST_OBJECTS]
    if not wanted:
        return
    search = _Search(finder)
    for node in wanted:
        behind = waiters.get(node.addr, set())
        found = list(search.candidates(node, behind))
        if 0 < len(found) <= _MOST:
            for task, evidence in found:
                target = finder.add_known_task(task)
                how, any_of = _KINDS[node.kind], node.kind == "completion"
                finder.link(node.key, target, how, evidence, inferred=True, any_of=any_of)


class _Place(NamedTuple):
    sleeper: Sleeper
    start: int  #: of its stack in the machine's memory
    at: int  #: of its stack in the text that is searched


class _Search:
    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self._code: dict[tuple[int, int], bytes] = {}
        self._stacks: tuple[bytes, list[_Place]] | None = None

    def candidates(self, node: Node, waiters: set[int]) -> Iterator[tuple[Task, str]]:
        if self.finder.names.is_static(node.addr):
            found = self._in_code(node.addr)
        else:
            found = self._on_stacks(node.addr)
        seen = set(waiters)
        for sleeper, evidence in found:
            if sleeper.task.addr not in seen:
                seen.add(sleeper.task.addr)
                yield sleeper.task, evidence

    # --- code

    @cached_property
    def _alike(self) -> list[list[Sleeper]]:
        # Many tasks have the same functions on their stacks: one look at these will do.
        groups: dict[tuple[str, ...], list[Sleeper]] = {}
        for sleeper in self.finder.sleepers:
            groups.setdefault(tuple(sleeper.names), []).append(sleeper)
        return list(groups.values())

    def _in_code(self, addr: int) -> Iterator[tuple[Sleeper, str]]:
        for group in self._alike:
            function = self._refers(group[0], addr)
            if function:
                for sleeper in group:
                    yield sleeper, f"{function}() is on its stack, whose code has that address"

    def _refers(self, sleeper: Sleeper, addr: int) -> str:
        # As an immediate, sign-extended: the kernel and its modules lie in the last 2 GiB.
        pattern = struct.pack("<I", addr & 0xFFFF_FFFF)
        for frame in sleeper.stack.frames[sleeper.at :]:
            if frame.kind == "user" or not frame.function or bare(frame.function) in _ENTRY:
                continue
            size = min(frame.size_bytes, _MOST_CODE)
            if pattern in self._code_of(frame.addr - frame.offset, size):
                return bare(frame.function)
        return ""

    def _code_of(self, start: int, size: int) -> bytes:
        # All of it, as what completes something comes after the call that it sleeps in.
        key = (start, size)
        if key not in self._code:
            try:
                self._code[key] = lowlevel.dump().read(start, size) if size else b""
            except ReadError:
                self._code[key] = b""
        return self._code[key]

    # --- stacks

    def _on_stacks(self, addr: int) -> Iterator[tuple[Sleeper, str]]:
        text, places = self._all_stacks()
        starts = [place.at for place in places]
        pattern = struct.pack("<Q", addr)
        at = text.find(pattern)
        while at >= 0:
            if not at & 7:
                place = places[bisect.bisect_right(starts, at) - 1]
                function = _function_at(place.sleeper, place.start + at - place.at)
                if function:
                    yield place.sleeper, f"its address lies in the frame of {function}()"
            at = text.find(pattern, at + 1)

    def _all_stacks(self) -> tuple[bytes, list[_Place]]:
        if self._stacks is None:
            pieces: list[bytes] = []
            places: list[_Place] = []
            length = 0
            for sleeper in self.finder.sleepers:
                piece = b"" if _holds_nothing(sleeper) else _stack_of(sleeper)
                if piece:
                    places.append(_Place(sleeper, sleeper.task.sp_addr, length))
                    pieces.append(piece)
                    length += len(piece)
            self._stacks = b"".join(pieces), places
        return self._stacks


#: Where processes wait for others or the clock, straight from their system calls.
_IDLE = re.compile(
    r"futex_wait\w*$|futex_do_wait$|(anon_)?pipe_read$|do_epoll_wait$|ep_poll$|do_sys_poll$"
    r"|do_poll$|do_select$|do_wait$|__do_sys_pause$|do_nanosleep$|do_sigtimedwait\w*$|sigsuspend$"
)


def _holds_nothing(sleeper: Sleeper) -> bool:
    is_user = sleeper.stack.frames[-1].kind == "user"
    return is_user and sleeper.task.state == "S" and _is_idle(sleeper.waits_in)


@lru_cache(maxsize=4096)
def _is_idle(function: str) -> bool:
    return bool(_IDLE.match(function))


def _stack_of(sleeper: Sleeper) -> bytes:
    last = sleeper.stack.frames[-1]
    end = last.regs_addr if last.kind == "user" else last.sp_addr
    size = min(max(0, end - sleeper.task.sp_addr), _MOST_STACK) & ~7
    try:
        return lowlevel.dump().read(sleeper.task.sp_addr, size) if size else b""
    except ReadError:
        return b""


def _function_at(sleeper: Sleeper, addr: int) -> str:
    # The frame that a word of the stack lies in; not the scheduler's.
    for frame, following in zip(sleeper.stack.frames, sleeper.stack.frames[1:]):
        if frame.sp_addr <= addr < following.sp_addr and frame.kind != "user":
            name = bare(frame.function)
            return "" if is_scheduler(name) else name
    return ""
