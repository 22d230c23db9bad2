# SPDX-License-Identifier: GPL-2.0-or-later
"""What lies on a stack, without unwinding it: words, and those that lead to code."""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import values
from LinuxDump import modules, stack_areas
from LinuxDump.api_models import KernelModels
from LinuxDump.stack_details import TaskStack
from LinuxDump.task_records import task_table
from pykdump import lowlevel
from pykdump.errors import PykdumpError


def _range(stack: TaskStack) -> tuple[int, int, int]:
    # Lowest word, stack pointer and end of a task's stack.
    area = stack_areas.task_stack(task_table().by_addr[stack.task_addr])
    if area is None:
        return 0, 0, 0
    found = [frame.sp_addr for frame in stack.frames if area.holds(frame.sp_addr)]
    return area.start, (found[0] if found else area.start) & ~7, area.end


def text_symbols(stack: TaskStack, *, whole: bool) -> Iterator[str]:
    """Lines of ``bt -t``: each word that is an address of kernel text."""
    start, sp, end = _range(stack)
    if stack.frames:
        first = stack.frames[0]
        yield f"              START: {first.function or hex(first.addr)} at {first.addr:x}"
    at = start if whole else sp
    if not end:
        return
    ranges = _text_ranges()
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    table = KernelModels().symbols()
    try:
        found = values.read_words(at, (end - at) // 8)
    except PykdumpError as error:
        yield f"bt: {error}"
        return
    for place, word in enumerate(found):
        if low <= word < high and any(first <= word < last for first, last in ranges):
            name = table.at(word)
            if name is not None:
                module = f" [{name[2]}]" if name[2] else ""
                yield f"  [{at + 8 * place:x}] {name[0]} at {word:x}{module}"


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


def words(start: int, end: int, symbolic: int = 0) -> Iterator[str]:
    """Lines of ``bt -f``: the words of a frame, two a line from the frame's own first on."""
    if not 0 < end - start <= 1 << 16:
        return
    try:
        found = values.read_words(start, (end - start) // 8)
    except PykdumpError as error:
        yield f"bt: {error}"
        return
    # Lines begin at multiples of 16.
    at = start
    while at < end:
        count = 1 if at % 16 else min(2, (end - at) // 8)
        shown = []
        for word in found[(at - start) // 8 : (at - start) // 8 + count]:
            shown.append(_shown(word) if symbolic else f"{word:016x}")
        yield f"    {at:x}: " + " ".join(shown) + " "
        at += 8 * count
