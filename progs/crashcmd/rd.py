# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory as numbers and text.

ADDRESS may be a symbol; COUNT is the number of units, by default 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from crashcmd import context, slab_names, values
from crashcmd.command import Command, Given, Option, Text, text
from pykdump import lowlevel
from pykdump.errors import CrashError, ReadError

_ROW = 16
_PAGE = 4096
_MOST_BYTES = 1 << 28
_TEXT_ROW = 60


def collect(given: Given) -> Text:
    if not given.words:
        raise given.error("an address is needed")
    is_physical = "-p" in given
    start = values.number("0x" + given.words[0]) if is_physical else values.address(given.words[0])
    offset = given.value("-o")
    start += values.number(offset) if offset is not None else 0
    unit = next((int(f[1:]) // 8 for f in given.flags() if f in ("-8", "-16", "-32", "-64")), 8)
    end = _end(start, unit, given)
    read = _reader(given)
    if "-a" in given:
        return text(_texts(start, end, read))
    return text(_rows(start, end, unit, read, given))


def _end(start: int, unit: int, given: Given) -> int | None:
    last = given.value("-e")
    if last is not None:
        end = values.address(last)
        if end <= start:
            raise given.error(f"the end {end:x} is not behind {start:x}")
    elif len(given.words) > 1:
        end = start + (1 if "-a" in given else unit) * values.number(given.words[1])
    else:
        return None if "-a" in given else start + unit
    if end - start > _MOST_BYTES:
        raise given.error(f"{end - start} bytes are too many")
    return end


def _reader(given: Given) -> Callable[[int, int], bytes]:
    dump = lowlevel.dump()
    if "-p" in given:
        return dump.read_physical
    if "-u" in given:
        pgd = context.current().pgd_addr
        if not pgd:
            raise given.error("the selected task has no user memory")
        return lambda addr, size: dump.read_user(pgd, addr, size)
    return dump.read


def _rows(
    start: int, end: int | None, unit: int, read: Callable[[int, int], bytes], given: Given
) -> Iterator[str]:
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
                yield _row(at, read(at, readable), unit, given)
            raise CrashError(f"rd: {error}") from None
        yield _row(at, data, unit, given)


def _reads(read: Callable[[int, int], bytes], addr: int, size: int) -> bool:
    try:
        return bool(read(addr, size))
    except ReadError:
        return False


def _row(at: int, data: bytes, unit: int, given: Given) -> str:
    numbers = [int.from_bytes(data[i : i + unit], "little") for i in range(0, len(data), unit)]
    head = f"{at:>16x}:  "
    if "-s" in given or "-S" in given:
        shown = (_symbolic(number, "-S" in given) for number in numbers)
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


def _symbolic(word: int, with_slabs: bool) -> str:
    name = values.value_or_symbol(word)
    if not name and with_slabs and word >> 63:
        cache = slab_names.name_of(word)
        name = f"[{cache}]" if cache else ""
    return name or f"{word:016x}"


def _texts(start: int, end: int | None, read: Callable[[int, int], bytes]) -> Iterator[str]:
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


def _readable(start: int, size: int, read: Callable[[int, int], bytes]) -> bytes:
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
            Option("-S", "the same, and [CACHE] for addresses of slab objects"),
            Option("-e", "up to this address", "END"),
            Option("-o", "from so many bytes behind ADDRESS", "OFFSET"),
            Option("-p", "ADDRESS is physical"),
            Option("-u", "ADDRESS is the selected task's"),
        ),
    ),
)
