# SPDX-License-Identifier: GPL-2.0-or-later
"""What lies on a stack, without unwinding it: words, and those that lead to code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crashcmd import slab_names, values
from crashcmd.bt_shapes import Names
from LinuxDump import modules, stack_areas
from LinuxDump.api_models import KernelModels
from LinuxDump.BTstack import Frame
from LinuxDump.stack_details import FrameRecord, TaskStack
from LinuxDump.task_records import Task, task_table
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.unwinding import word_pages, words_texts

if TYPE_CHECKING:
    from pykdump._accel import SymbolTable


def _range(stack: TaskStack) -> tuple[int, int, int]:
    # Lowest word, stack pointer and end of a task's stack.
    task = task_table().by_addr[stack.task_addr]
    area = stack_areas.task_stack(task)
    if area is None:
        return 0, 0, 0
    found = [frame.sp_addr for frame in stack.frames if area.holds(frame.sp_addr)]
    return area.start, _first(task, found[0] if found else area.start, area), area.end


def _first(task: Task, sp: int, area: stack_areas.Area) -> int:
    # Below the frame at sp a task that sleeps has what it goes on at.
    if not task.is_running and area.start <= task.sp_addr < sp:
        sp = task.sp_addr
    return sp & ~7


def start_line(frame: Frame | FrameRecord) -> str:
    """The first line of ``bt -t``: where the task is."""
    return f"              START: {frame.function or hex(frame.addr)} at {frame.addr:x}"


def text_symbols(stack: TaskStack, *, whole: bool) -> Iterator[str]:
    """Lines of ``bt -t``: each word that is an address of kernel text."""
    start, sp, end = _range(stack)
    if stack.frames and not whole:
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
        self._ranges = text_ranges()
        low, high = min(r[0] for r in self._ranges), max(r[1] for r in self._ranges)
        # What all of them have in their upper half is looked for.
        same = low >> 32 == high - 1 >> 32
        self._upper = (low >> 32).to_bytes(4, "little") if same else b""
        self._names: dict[int, str] = {}  # what a line says of a word; "" for no such address
        self._table = KernelModels().symbols()

    def lines(self, start: int, end: int) -> Iterator[str]:
        """A line for each of them; raises ReadError."""
        for at, word in self._words(start, end):
            name = self._name_of(word)
            if name:
                yield f"  [{at:x}] {name}"

    def _words(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        raw = lowlevel.dump().read(start, (end - start) // 8 * 8)
        words = memoryview(raw).cast("Q")
        for place in self._candidates(raw):
            yield start + 8 * place, words[place]

    def _name_of(self, word: int) -> str:
        if word not in self._names:
            self._names[word] = self._name(word)
        return self._names[word]

    def _candidates(self, raw: bytes) -> Iterator[int]:
        if not self._upper:
            yield from range(len(raw) // 8)
            return
        at = raw.find(self._upper)
        while at >= 0:
            if at % 8 == 4:
                yield at // 8
            at = raw.find(self._upper, at + 1 + (3 - at) % 8)

    def _is_code(self, word: int) -> bool:
        return any(first <= word < last for first, last in self._ranges)

    def _name(self, word: int) -> str:
        if not self._is_code(word):
            return ""
        name = self._table.at(word)
        if name is None:
            return ""
        return f"{name[0]} at {word:x}{f' [{name[2]}]' if name[2] else ''}"


class ReturnAddresses(TextWords):
    """Finds words that calls may have left.

    :param offsets: "d" or "x": with the offsets into functions.
    """

    def __init__(self, offsets: str) -> None:
        super().__init__()
        self._offsets = offsets

    def numbered(self, start: int, end: int, number: int = 0) -> Iterator[str]:
        """A line for each of them, which have numbers from this one on; raises ReadError."""
        for at, word in self._words(start, end):
            name = self._name_of(word)
            if name:
                yield f"{f'#{number}':>3} [{at:x}] {name}"
                number += 1

    def _name(self, word: int) -> str:
        if not self._is_code(word):
            return ""
        found = self._table.at(word)
        if found is None or not found[1]:  # nothing returns to where a function begins
            return ""
        name, offset, module = found
        if self._offsets:
            name += f"+{offset:#x}" if self._offsets == "x" else f"+{offset}"
        return f"{name} at {word:x}{f' [{module}]' if module else ''}"


def return_addresses(stack: TaskStack, offsets: str = "") -> Iterator[str]:
    """Lines of ``bt -o``: each word from the stack pointer on that a call may have left, stale
    ones too.

    :param offsets: "d" or "x": with the offsets into functions.
    """
    number, words = 0, ReturnAddresses(offsets)
    for start, end in _parts(stack):
        try:
            for line in words.numbered(start, end, number):
                yield line
                number += 1
        except PykdumpError as error:
            yield f"bt: {error}"


def _parts(stack: TaskStack) -> Iterator[tuple[int, int]]:
    # What of each stack is in use, the innermost first.
    task = task_table().by_addr[stack.task_addr]
    own = stack_areas.task_stack(task)
    areas = [*([own] if own else []), *stack_areas.cpu_stacks(task.cpu)]
    seen: set[str] = set()
    for frame in stack.frames:
        area = next((area for area in areas if area.holds(frame.sp_addr)), None)
        if area is not None and area.name not in seen:
            seen.add(area.name)
            yield _first(task, frame.sp_addr, area), area.end
    if not stack.frames and own is not None:
        yield own.start, own.end


def text_ranges() -> list[tuple[int, int]]:
    """First and last address of the code of the kernel and of each module."""
    kernel = (lowlevel.symbol_address("_stext"), lowlevel.symbol_address("_etext"))
    # It is freed after boot, but the boot CPU's idle task was called from there.
    init = (lowlevel.find_symbol("_sinittext"), lowlevel.find_symbol("_einittext"))
    found = [kernel, (init[0], init[1])] if init[0] and init[1] else [kernel]
    return [*found, *((m.text.addr, m.text.end_addr) for m in modules.modules())]


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


def symbols() -> SymbolTable:
    """The names of all addresses."""
    return KernelModels().symbols()


def names(ranges: Sequence[tuple[int, int]], symbolic: int) -> Names:
    """What words in these ranges are called.

    :param symbolic: how often -F was given.
    """
    if not symbolic:
        return Names()
    caches = slab_names.names_of(word_pages(ranges))
    return Names(symbols(), caches, symbolic > 1)


def words(start: int, end: int, symbolic: int = 0) -> Iterator[str]:
    """Lines of ``bt -f``: the words of a frame, two a line from the frame's own first on."""
    called = names([(start, end)], symbolic)
    (found,) = words_texts(
        [(start, end)], called.symbols, called.caches, with_address=called.with_address
    )
    if found is not None:
        yield from found.split("\n")[1:]
        return
    try:
        values.read_words(start, (end - start) // 8)
    except PykdumpError as error:
        yield f"bt: {error}"
