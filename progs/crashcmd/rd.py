# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory as numbers and text.

ADDRESS may be a symbol; COUNT is the number of units, by default 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from crashcmd import completion, memories, slab_names, values
from crashcmd.command import Command, Given, Option, Text, text
from crashcmd.memories import Reader
from pykdump import lowlevel
from pykdump.errors import CrashError, ReadError

_ROW = 16
_PAGE = 4096
_MOST_BYTES = 1 << 28
_TEXT_ROW = 60


def collect(given: Given) -> Text:
    if not given.words:
        raise given.error("an address is needed")
    is_number = "-p" in given or "-f" in given
    start = _hex(given.words[0]) if is_number else values.address(given.words[0])
    offset = given.value("-o")
    start += values.number(offset) if offset is not None else 0
    unit = next((int(f[1:]) // 8 for f in given.flags() if f in ("-8", "-16", "-32", "-64")), 8)
    if "-N" in given and unit not in (2, 4):
        raise given.error("-N is only for numbers of 16 and 32 bits")
    end: int | None
    if "-R" in given:
        start, end = _backwards(start, unit, given)
    else:
        end = _end(start, unit, given)
    read = _reader(given)
    if "-r" in given:
        return text(_to_file(start, end, read, given))
    if "-a" in given:
        return text(_texts(start, end, read))
    return text(_rows(start, end, unit, read, given))


def _hex(word: str) -> int:
    return values.hex_number(word)


def _backwards(start: int, unit: int, given: Given) -> tuple[int, int]:
    count = values.number(given.words[1]) if len(given.words) > 1 else 1
    if not 1 < count <= _MOST_BYTES // unit or start < unit * (count - 1):
        raise given.error("-R needs a COUNT of 2 or more, and as much memory below ADDRESS")
    return start - unit * (count - 1), start + unit


def _end(start: int, unit: int, given: Given) -> int | None:
    last = given.value("-e")
    if last is not None:
        end = values.address(last)
        if end <= start:
            raise given.error(f"the end {end:x} is not behind {start:x}")
    elif len(given.words) > 1:
        is_bytes = "-a" in given or "-r" in given
        end = start + (1 if is_bytes else unit) * values.number(given.words[1])
    elif "-r" in given:
        raise given.error("-r needs the number of bytes, or -e END")
    else:
        return None if "-a" in given else start + unit
    if end - start > _MOST_BYTES:
        raise given.error(f"{end - start} bytes are too many")
    return end


def _reader(given: Given) -> Reader:
    if "-p" in given:
        return lowlevel.dump().read_physical
    if "-f" in given:
        return memories.of_file()
    return memories.of_task() if "-u" in given else lowlevel.dump().read


def _to_file(start: int, end: int | None, read: Reader, given: Given) -> Iterator[str]:
    assert end is not None
    data, path = _readable(start, end - start, read), Path(given.value("-r") or "").expanduser()
    try:
        path.write_bytes(data)
    except OSError as error:
        raise given.error(f"{path}: {error.strerror}") from None
    yield f"{len(data)} bytes copied from {start:#x} to {path}"
    if len(data) < end - start:
        yield f"rd: {start + len(data):x} cannot be read"


def _rows(start: int, end: int | None, unit: int, read: Reader, given: Given) -> Iterator[str]:
    assert end is not None
    size = 16
    for at in range(start, end, size):
        count = min(size, end - at)
        try:
            data = read(at, count)
        except ReadError as error:
            # The rest may be there: go on behind the page that is missing.
            readable = next((n for n in range(count - unit, 0, -unit) if _reads(read, at, n)), 0)
            if readable:
                yield row(at, read(at, readable), unit, given)
            raise CrashError(f"rd: {error}") from None
        yield row(at, data, unit, given)


def _reads(read: Reader, addr: int, size: int) -> bool:
    try:
        return bool(read(addr, size))
    except ReadError:
        return False


def row(at: int, data: bytes, unit: int, given: Given) -> str:
    """A line of memory."""
    order: Literal["big", "little"] = "big" if "-N" in given else "little"
    numbers = [int.from_bytes(data[i : i + unit], order) for i in range(0, len(data), unit)]
    head = f"{at:>16x}:  "
    if "-s" in given or "-S" in given:
        shown = (slab_names.symbolic(number, given.count("-S")) for number in numbers)
        return head + " ".join(f"{word:16}" for word in shown) + " "
    if "-d" in given or "-D" in given:
        width = {8: 15 if "-d" in given else 20, 4: 11, 2: 6, 1: 4}[unit]
        decimals = [_signed(n, unit) for n in numbers] if "-d" in given else numbers
        return head + " ".join(f"{n:{width}}" for n in decimals) + " "
    cells = " ".join(f"{number:0{2 * unit}x}" for number in numbers)
    if "-x" in given:
        return head + cells + " "
    full = (2 * unit + 1) * (_ROW // unit) - 1
    return head + f"{cells:{full}}   {_printable(data)}"


def _signed(number: int, unit: int) -> int:
    return number - (1 << 8 * unit) if number >> (8 * unit - 1) else number


def _texts(start: int, end: int | None, read: Reader) -> Iterator[str]:
    if end is None:
        # Up to the first byte that is no text.
        found = re.match(rb"[\x20-\x7e\t\n]*", _readable(start, _PAGE, read))
        data = found[0] if found else b""
        for at in range(0, len(data), _TEXT_ROW):
            yield f"{start + at:x}:  {data[at : at + _TEXT_ROW].decode('ascii').rstrip(chr(10))}"
        return
    data = _readable(start, end - start, read)
    for run in re.finditer(rb"[\x20-\x7e]+", data):
        yield f"{start + run.start():x}:  {run[0].decode()}"
    if len(data) < end - start:
        yield f"rd: {start + len(data):x} cannot be read"


def _readable(start: int, size: int, read: Reader) -> bytes:
    data = b""
    while len(data) < size:
        at = start + len(data)
        try:
            data += read(at, min(_PAGE - at % _PAGE, size - len(data)))
        except ReadError:
            if not data:
                raise
            break
    return data


def _printable(data: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)


COMMANDS = (
    Command(
        "rd",
        "ADDRESS [COUNT]",
        collect,
        options=(
            Option("-8", "bytes"),
            Option("-16", "numbers of 16 bits"),
            Option("-32", "numbers of 32 bits"),
            Option("-64", "numbers of 64 bits"),
            Option("-a", "text only; without an end up to the first byte that is none"),
            Option("-d", "in decimal, signed"),
            Option("-D", "in decimal, unsigned"),
            Option("-x", "without text"),
            Option("-s", "symbols for addresses of the kernel's image"),
            Option("-S", "the same, and [CACHE] for those of slab objects; -SS [ADDRESS:CACHE]"),
            Option("-N", "in network byte order, with -16 and -32"),
            Option("-R", "COUNT units up to the one at ADDRESS"),
            Option("-r", "copy the bytes, COUNT of them, to this file", "FILE"),
            Option("-e", "up to this address", "END"),
            Option("-o", "from so many bytes behind ADDRESS", "OFFSET"),
            Option("-p", "ADDRESS is physical"),
            Option("-f", "ADDRESS is an offset in the dump file"),
            Option("-u", "ADDRESS is the selected task's"),
        ),
        absent=(("-m", "it reads memory of a Xen hypervisor, whose dumps cannot be opened"),),
        completes=completion.symbols,
    ),
)
