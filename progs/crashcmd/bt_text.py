# SPDX-License-Identifier: GPL-2.0-or-later
"""What lies on a stack, without unwinding it: words, and those that lead to code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashcmd import values
from LinuxDump import modules, stack_areas
from LinuxDump.api_models import KernelModels
from LinuxDump.BTstack import Frame
from LinuxDump.stack_details import FrameRecord, TaskStack
from LinuxDump.task_records import task_table
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.unwinding import words_texts


def _range(stack: TaskStack) -> tuple[int, int, int]:
    # Lowest word, stack pointer and end of a task's stack.
    area = stack_areas.task_stack(task_table().by_addr[stack.task_addr])
    if area is None:
        return 0, 0, 0
    found = [frame.sp_addr for frame in stack.frames if area.holds(frame.sp_addr)]
    return area.start, (found[0] if found else area.start) & ~7, area.end


def start_line(frame: Frame | FrameRecord) -> str:
    """The first line of ``bt -t``: where the task is."""
    return f"              START: {frame.function or hex(frame.addr)} at {frame.addr:x}"


def text_symbols(stack: TaskStack, *, whole: bool) -> Iterator[str]:
    """Lines of ``bt -t``: each word that is an address of kernel text."""
    start, sp, end = _range(stack)
    if stack.frames:
        yield start_line(stack.frames[0])
    if not end:
        return
    try:
        yield from TextWords().lines(start if whole else sp, end)
    except PykdumpError as error:
        yield f"bt: {error}"


class TextWords:
    """Finds words that are addresses of kernel text."""

    def __init__(self) -> None:
        self._ranges = _text_ranges()
        low, high = min(r[0] for r in self._ranges), max(r[1] for r in self._ranges)
        # What all of them have in their upper half is looked for.
        same = low >> 32 == high - 1 >> 32
        self._upper = (low >> 32).to_bytes(4, "little") if same else b""
        self._names: dict[int, str] = {}  # what a line says of a word; "" for no such address
        self._table = KernelModels().symbols()

    def lines(self, start: int, end: int) -> Iterator[str]:
        """A line for each of them; raises ReadError."""
        raw = lowlevel.dump().read(start, (end - start) // 8 * 8)
        words = memoryview(raw).cast("Q")
        for place in self._candidates(raw):
            word = words[place]
            if word not in self._names:
                self._names[word] = self._name(word)
            if self._names[word]:
                yield f"  [{start + 8 * place:x}] {self._names[word]}"

    def _candidates(self, raw: bytes) -> Iterator[int]:
        if not self._upper:
            yield from range(len(raw) // 8)
            return
        at = raw.find(self._upper)
        while at >= 0:
            if at % 8 == 4:
                yield at // 8
            at = raw.find(self._upper, at + 1 + (3 - at) % 8)

    def _name(self, word: int) -> str:
        if not any(first <= word < last for first, last in self._ranges):
            return ""
        name = self._table.at(word)
        if name is None:
            return ""
        return f"{name[0]} at {word:x}{f' [{name[2]}]' if name[2] else ''}"


def _text_ranges() -> list[tuple[int, int]]:
    kernel = (lowlevel.symbol_address("_stext"), lowlevel.symbol_address("_etext"))
    return [kernel, *((m.text.addr, m.text.end_addr) for m in modules.modules())]


def raw(stack: TaskStack) -> Iterator[str]:
    """Lines of ``bt -r``: the whole stack, two words a line."""
    start, _, end = _range(stack)
    for at in range(start, end, 16):
        try:
            first, second = values.read_words(at, 2)
        except PykdumpError as error:
            yield f"bt: {error}"
            return
        yield f"{at:x}:  {_shown(first)} {_shown(second)} "


def _shown(word: int) -> str:
    return f"{values.value_or_symbol(word) or f'{word:016x}':16}"


def words_of(ranges: Sequence[tuple[int, int]], symbolic: bool) -> list[str | None]:
    """Words of ``bt -f`` in these ranges, of ``-F`` with symbols; each line comes after a newline.
    None where they cannot be read."""
    return words_texts(ranges, KernelModels().symbols() if symbolic else None)


def words(start: int, end: int, symbolic: int = 0) -> Iterator[str]:
    """Lines of ``bt -f``: the words of a frame, two a line from the frame's own first on."""
    found = words_of([(start, end)], symbolic > 0)[0]
    if found is not None:
        yield from found.split("\n")[1:]
        return
    try:
        values.read_words(start, (end - start) // 8)
    except PykdumpError as error:
        yield f"bt: {error}"
