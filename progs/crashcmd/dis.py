# SPDX-License-Identifier: GPL-2.0-or-later
"""Machine code.

WHAT is a function, an address, or SYMBOL+OFFSET; COUNT the number of instructions, by default the
whole function for a name and 1 for an address; of -r the last so many, of -f the first.

Lines are ADDRESS <FUNCTION+OFFSET> [MODULE]: INSTRUCTION.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from crashcmd import completion, context, memories, values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import symbol_kinds
from LinuxDump.api_models import KernelModels
from pykdump import commands, disassembly, frames
from pykdump.errors import CrashError

_MOST = 100_000
_SKIPPED = "encoded bytes being skipped after ud2a: 0"
_INSTRUCTION = re.compile(r"(?:=>|  )?\s*(0x[0-9a-f]+)( <[^>]*>)?:\s*(.*)")


def collect(given: Given) -> Text:
    if "-b" in given:
        if len(given.words) > 1 or any(not word.isdecimal() for word in given.words):
            raise given.error(f"-b takes a count of bytes, not {' '.join(given.words)}")
        return text([_SKIPPED])
    if not given.words:
        raise given.error("a function or an address is needed")
    count = values.number(given.words[1]) if len(given.words) > 1 else 0
    if len(given.words) > 1 and not 0 < count <= _MOST:
        raise given.error(f"{count} instructions are too many, or none")
    if "-u" in given:
        return text(_users(values.address(given.words[0]), count or 1, given))
    addr = values.kernel_address(given.words[0])
    if addr == values.U64:
        raise given.error(f"{given.words[0]} is the last byte that there is")
    if "-s" in given:
        return text(_source(addr))
    found = KernelModels().symbols().at(addr)
    is_name = found is not None and found[1] == 0 and not re.fullmatch("[0-9a-fx]+", given.words[0])
    if "-r" in given or "-f" in given or (not count and is_name):
        start = addr - found[1] if found is not None and "-f" not in given else addr
        end = addr + 1 if "-r" in given else _end_of(start)
        lines = _lines(_range(start, end), given)
        if not count or "-l" in given:
            return text(lines)
        return text(deque(lines, count) if "-r" in given else islice(lines, count))
    return text(_lines(_counted(addr, count or 1), given))


def _users(addr: int, count: int, given: Given) -> Iterator[str]:
    # GDB reads user memory as its selected thread has it.
    memories.of_task()
    if not context.is_threads():
        raise given.error("the selected task is no thread of GDB, which reads no memory of it then")
    for line in commands.gdb().execute(f"x/{count}i {addr:#x}").splitlines():
        match = _INSTRUCTION.match(line)
        if match is not None:
            yield f"{match[1]}:\t{_operands(match[3], given)}"


def _end_of(addr: int) -> int:
    table = symbol_kinds.symbols()
    for place in range(table.place(addr) + 1, len(table)):
        symbol = table.at(place)
        if symbol.addr > addr and symbol.letter in "tTwW":
            return min(symbol.addr, addr + 0x10_0000)
    return addr + 16


def _range(start: int, end: int) -> Iterable[tuple[int, str]]:
    found = disassembly.quick(start, _name, end=end) if _is_kernel_code(start) else None
    return _shown(f"disassemble {start:#x},{end:#x}") if found is None else found


def _counted(addr: int, count: int) -> Iterable[tuple[int, str]]:
    found = disassembly.quick(addr, _name, count=count) if _is_kernel_code(addr) else None
    return _shown(f"x/{count}i {addr:#x}") if found is None else found


def _is_kernel_code(addr: int) -> bool:
    table = symbol_kinds.symbols()
    place = table.place(addr)
    if place < 0:
        return False
    symbol = table.at(place)
    return not symbol.module and symbol.letter in "tTW"


def _name(addr: int) -> str | None:
    found = symbol_kinds.symbols().only_function_at(addr)
    # GDB may know these by the names that they have in the source.
    if found is None or "." in found[0] or found[0].startswith("__pi_"):
        return None
    return f"{found[0]}+{found[1]}" if found[1] else found[0]


def _shown(command: str) -> Iterator[tuple[int, str]]:
    for line in commands.gdb().execute(command).splitlines():
        match = _INSTRUCTION.match(line)
        if match is not None:
            yield int(match[1], 16), match[3]


def _lines(found: Iterable[tuple[int, str]], given: Given) -> Iterator[str]:
    source = ""
    for addr, instruction in found:
        if "-l" in given:
            where = str(frames.source_line(addr) or "")
            if where and where != source:
                source = where
                yield where
        yield f"{addr:#x} {_place(addr, given)}:\t{_operands(instruction, given)}"


def _place(addr: int, given: Given) -> str:
    found = KernelModels().symbols().at(addr)
    if found is None:
        return ""
    offset = f"{found[1]:#x}" if "-x" in given else str(found[1])
    module = f" [{found[2]}]" if found[2] else ""
    return f"<{found[0]}+{offset}>{module}" if found[1] else f"<{found[0]}>{module}"


def _operands(text: str, given: Given) -> str:
    if "-x" in given:
        text = re.sub(r"(<[^<>+]+\+)(\d+)(?=>)", lambda m: f"{m[1]}{int(m[2]):#x}", text)
    return re.sub(r"[ \t]*#.*$", lambda m: "        " + m[0].strip(), text).rstrip()


def _source(addr: int) -> Iterator[str]:
    place = frames.source_line(addr)
    if place is None:
        raise CrashError(f"{addr:x}: no source line is known")
    yield f"FILE: {place.file}"
    yield f"LINE: {place.line}"
    yield ""
    shown = commands.gdb().execute(f"list *{addr:#x}").splitlines()[1:]
    if shown and shown[0].endswith("No such file or directory."):
        raise CrashError(f"{place.file}: source code is not available")
    yield from shown


COMMANDS = (
    Command(
        "dis",
        "WHAT [COUNT]",
        collect,
        options=(
            Option("-l", "source lines"),
            Option("-r", "from the beginning of the function up to WHAT"),
            Option("-f", "from WHAT to the end of the function"),
            Option("-s", "the source code, where it is installed"),
            Option("-x", "offsets in hexadecimal"),
            Option("-d", "offsets in decimal"),
            Option("-u", "WHAT is an address of the selected task"),
            Option("-b", "bytes that are skipped behind ud2: none, as GDB needs no skipping"),
        ),
        completes=completion.symbols,
    ),
)
