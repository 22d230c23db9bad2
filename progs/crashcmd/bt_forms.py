# SPDX-License-Identifier: GPL-2.0-or-later
"""The forms of bt for plain stacks, of which there may be very many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from crashcmd import bt_lines, bt_scan, bt_text, stack_checks
from crashcmd.bt_lines import frame_line, offsets
from crashcmd.bt_shapes import ANY, Form, Names, Plain, Values
from crashcmd.command import Given
from LinuxDump import stack_details
from LinuxDump.BTstack import Frame, Stack
from LinuxDump.stack_details import TaskStack
from pykdump.errors import PykdumpError


class _Frames:
    """Their frames."""

    at_once = 4096
    shows_registers = True

    def __init__(self, given: Given) -> None:
        self.given = given
        self.has_source = "-l" in given
        self._sources: dict[tuple[int, bool], str] = {}  # by the address, and whether it is exact
        reference = given.value("-R")
        self._reference = None if reference is None else stack_checks.reference(reference)

    def wants(self, stack: Stack) -> bool:
        return self._reference is None or self._reference(stack)

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterator[str]:
        for number, frame in enumerate(calls):
            source = self._source(frame) if self.has_source else ""
            yield frame_line(frame, number, ANY, self.given) + source

    def _source(self, frame: Frame) -> str:
        key = frame.addr, frame.is_exact
        if key not in self._sources:
            found = stack_details.source_of(frame)
            self._sources[key] = f"\n    {found[-1].file}: {found[-1].line}" if found else ""
        return self._sources[key]

    def values(self, stacks: Sequence[Plain]) -> Iterable[Values]:
        return [stack.slots for stack in stacks]

    def names(self, stacks: Sequence[Plain]) -> Names:
        return Names()

    def other_lines(self, stack: TaskStack) -> Iterator[str]:
        if self._reference is None or self._reference(stack):
            yield from bt_lines.lines(stack, self.given)


class _FramesWithWords(_Frames):
    """Their frames, and the words of each: from behind its return address to the next one's end."""

    at_once = 1024

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterator[str]:
        *before, last = super().lines(calls, has_registers)
        yield from (f"{line}{ANY:n}" for line in before)
        yield f"{last}{ANY:w}"

    def values(self, stacks: Sequence[Plain]) -> Iterable[Values]:
        # The last frame has the words up to the registers, if there are any.
        return [
            (*stack.slots, stack.slots[-1] + 8, stack.regs_addr or stack.slots[-1] + 8)
            for stack in stacks
        ]

    def names(self, stacks: Sequence[Plain]) -> Names:
        symbolic = self.given.count("-F")
        if not symbolic:
            return Names()
        ranges = [(stack.slots[0] + 8, stack.regs_addr or stack.slots[-1] + 8) for stack in stacks]
        return bt_text.names(ranges, symbolic)


class _Whole(_Frames):
    """All their words."""

    at_once = 256
    shows_registers = False

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterator[str]:
        yield f"{ANY:r}"

    def values(self, stacks: Sequence[Plain]) -> Iterable[Values]:
        return [(stack.start, stack.end) for stack in stacks]

    def names(self, stacks: Sequence[Plain]) -> Names:
        return Names(bt_text.symbols())


class _Symbols(_Frames):
    """The words on them that are addresses of kernel text."""

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterator[str]:
        head = "" if "-T" in self.given else bt_text.start_line(calls[0]) + "\n"
        yield f"{head}{ANY:t}"

    def values(self, stacks: Sequence[Plain]) -> Iterable[Values]:
        if "-T" in self.given:
            return [(stack.start, stack.end) for stack in stacks]
        return [(stack.slots[0] & ~7, stack.end) for stack in stacks]

    def names(self, stacks: Sequence[Plain]) -> Names:
        return Names(bt_text.symbols(), code=bt_text.text_ranges())


class _ReturnAddresses(_Frames):
    """Words that calls may have left on them."""

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterator[str]:
        yield f"{ANY:o}"

    def values(self, stacks: Sequence[Plain]) -> Iterable[Values]:
        return [(stack.slots[0] & ~7, stack.end) for stack in stacks]

    def names(self, stacks: Sequence[Plain]) -> Names:
        return Names(bt_text.symbols(), code=bt_text.text_ranges(), offsets=offsets(self.given))


class _Registers(_Frames):
    """The registers of user mode, of stacks on which nothing else looks like registers."""

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterator[str]:
        if has_registers:
            yield ""
            yield f"  USER-MODE EXCEPTION FRAME AT: {ANY:x}"

    def values(self, stacks: Sequence[Plain]) -> Iterator[Values]:
        for stack in stacks:
            own = (stack.regs_addr,) if stack.regs_addr else ()
            try:
                found = bt_scan.exception_frames(stack.sp_addr & ~7, stack.end)
            except PykdumpError:
                yield None
            else:
                yield own if tuple(found) == own else None


def form(given: Given) -> Form:
    """The one that the options ask for."""
    if "-t" in given or "-T" in given:
        return _Symbols(given)
    if "-r" in given:
        return _Whole(given)
    if "-e" in given:
        return _Registers(given)
    if "-o" in given or bt_lines.by_words:
        return _ReturnAddresses(given)
    return _FramesWithWords(given) if "-f" in given or "-F" in given else _Frames(given)
