# SPDX-License-Identifier: GPL-2.0-or-later
"""A struct sbitmap_queue: how many of its bits are in use, who waits for one, and which they are.

ADDRESS is that of the struct sbitmap_queue. Lines are MEMBER = VALUE, then the bits in use, 16
bytes a line in hexadecimal. With -s lines are BIT: ADDRESS of the struct that belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import struct, types, values
from crashcmd.command import Command, Given, Option
from LinuxDump import sbitmaps
from LinuxDump.sbitmaps import SBitmap, SBitmapQueue
from pykdump import lowlevel
from pykdump.errors import PykdumpError


def collect(given: Given) -> SBitmapQueue:
    if len(given.words) != 1:
        raise given.error("the address of a struct sbitmap_queue is needed")
    if ("-s" in given) != ("-a" in given):
        raise given.error(
            "-s and -a belong together: the type of an array's structs, and where it is"
        )
    return sbitmaps.sbitmap_queue(values.kernel_address(given.words[0]))


def render(record: SBitmapQueue, given: Given) -> Iterator[str]:
    if "-s" in given:
        yield from _entries(record, given)
        return
    bitmap = record.bitmap
    yield f"depth = {bitmap.depth}"
    yield f"busy = {len(bitmap.busy)}"
    yield f"cleared = {bitmap.cleared}"
    yield f"bits_per_word = {1 << bitmap.shift}"
    yield f"map_nr = {bitmap.words}"
    yield f"alloc_hint = {{{', '.join(map(str, record.alloc_hints))}}}"
    yield f"wake_batch = {record.wake_batch}"
    yield f"wake_index = {record.wake_index}"
    yield f"ws_active = {record.waiting}"
    yield "ws = {"
    for one in record.waiters:
        count = "" if one.wait_count is None else f".wait_cnt = {one.wait_count}, "
        yield f"\t{{ {count}.wait = {'active' if one.is_active else 'inactive'} }},"
    yield "}"
    yield f"round_robin = {record.round_robin}"
    if record.min_shallow_depth is not None:
        yield f"min_shallow_depth = {record.min_shallow_depth}"
    yield ""
    yield from _dump(bitmap)
    if "-v" in given:
        yield from (f"  {bit}" for bit in bitmap.busy)


def _dump(bitmap: SBitmap) -> Iterator[str]:
    bits = sum(1 << bit for bit in bitmap.busy)
    raw = bits.to_bytes((bitmap.depth + 7) // 8, "little")
    for at in range(0, len(raw), 16):
        row = raw[at : at + 16]
        pairs = (row[pair : pair + 2].hex() for pair in range(0, len(row), 2))
        yield f"{at:08x}: {' '.join(pairs)}"


def _entries(record: SBitmapQueue, given: Given) -> Iterator[str]:
    name, _, members = (given.value("-s") or "").partition(".")
    full, paths = types.full_name(name), members.split(",") if members else []
    struct.check_members(full, paths)
    base, size = values.kernel_address(given.value("-a") or ""), lowlevel.sizeof(full)
    for bit in record.bitmap.busy:
        try:
            addr = sbitmaps.entry_addr(base, bit, size, of_pointers="-p" in given)
        except PykdumpError as error:
            yield f"sbitmapq: {bit}: {error}"
            continue
        if "-v" not in given:
            yield f"{bit}: {addr:#x}"
            continue
        yield f"{bit} ({addr:#x}):"
        try:
            yield from struct.shown(full, paths, addr, given)
        except PykdumpError as error:
            yield f"sbitmapq: {bit}: {error}"


COMMANDS = (
    Command(
        "sbitmapq",
        "ADDRESS",
        collect,
        render,
        (
            Option(
                "-s", "the structs of an array that belong to the bits in use", "STRUCT[.MEMBERS]"
            ),
            Option("-a", "where that array is", "ARRAY"),
            Option("-p", "it is an array of pointers to them"),
            Option("-v", "what each holds; without -s the numbers of the bits in use"),
            Option("-x", "numbers in hexadecimal"),
            Option("-d", "numbers in decimal"),
        ),
    ),
)
