# SPDX-License-Identifier: GPL-2.0-or-later
"""What the dump is of: kernel, machine, time, load and the reason of the panic.

``sys config`` prints the kernel's configuration where it holds one (CONFIG_IKCONFIG).
Lines are KEY: VALUE; those that go on are indented. Columns of -c: NUM, SYSTEM CALL, FILE AND LINE
NUMBER.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from crashcmd import mach, values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import dmi, syscalls
from LinuxDump.modules import taint_letters
from LinuxDump.printk import crash_message
from pykdump import frames, lowlevel, models
from pykdump.errors import CrashError, PykdumpError


@dataclass(frozen=True)
class System:
    """What describes the dump, by the names that crash prints."""

    values: dict[str, str]


def collect(given: Given) -> Any:
    if given.words == ["config"]:
        return text(_config())
    if "-c" in given:
        return text(_calls(given))
    if given.words:
        raise given.error(f"{given.words[0]} is unknown here; see: crash help sys")
    if "-i" in given:
        return text(f"{key:>25}: {value}" for key, value in dmi.identification().items())
    if "-t" in given:
        return text([_taint()])
    values = dict(models.get().sys_lines())
    if lowlevel.read_uint(lowlevel.symbol_address("tainted_mask"), 8):
        values["KERNEL"] += "  [TAINTED]"
    values["CPUS"] = mach.cpus_text()
    if mach.khz():
        values["MACHINE"] += f"  ({mach.khz() // 1000} Mhz)"
    values["PANIC"] = f'"{crash_message()}"'
    return System(values)


def _taint() -> str:
    mask = lowlevel.read_uint(lowlevel.symbol_address("tainted_mask"), 8)
    return f"TAINTED_MASK: {mask:x}  {taint_letters(mask)}".rstrip()


def _calls(given: Given) -> Iterator[str]:
    table = lowlevel.symbol_address("sys_call_table")
    every = list(enumerate(values.read_words(table, _count())))
    found = [each for each in every if not given.words or _is_meant(*each, given.words)]
    if not found:
        raise given.error(f"no system call has the number or name {' or '.join(given.words)}")
    yield "NUM  SYSTEM CALL                FILE AND LINE NUMBER"
    for number, function in found:
        where = frames.source_line(function) or ""
        yield f"{number:3}  {values.symbol(function):25}  {where}".rstrip()


def _is_meant(number: int, function: int, words: Sequence[str]) -> bool:
    name = values.symbol(function)
    return any(
        number == int(word, 0) if re.fullmatch("0x[0-9a-fA-F]+|[0-9]+", word) else word in name
        for word in words
    )


def _count() -> int:
    try:
        count = lowlevel.variable_size("sys_call_table") // 8
    except PykdumpError:
        count = 0
    # GDB may know but a declaration, without its length.
    return count if count > 1 else max(syscalls.table()) + 1


def _config() -> Iterator[str]:
    start, size = lowlevel.find_symbol("kernel_config_data"), 0
    end = lowlevel.find_symbol("kernel_config_data_end")
    if start is not None and end is not None:
        size = end - start
    if not 0 < size < 1 << 24:
        raise CrashError("the kernel holds no configuration: CONFIG_IKCONFIG is off")
    data = lowlevel.dump().read(start or 0, size)
    try:
        found = zlib.decompress(data[data.index(b"\x1f\x8b") :], wbits=31)
    except (ValueError, zlib.error) as error:
        raise CrashError(f"the configuration at {start:#x} is damaged: {error}") from None
    yield from found.decode("utf-8", "backslashreplace").splitlines()


def render(record: Any, given: Given) -> Iterator[str]:
    if isinstance(record, Text):
        yield from record.lines
        return
    width = max((12, *(len(key) for key in record.values)))
    for key, value in record.values.items():
        first, *more = str(value).split("|")
        yield f"{key:>{width}}: {first}"
        yield from (" " * (width + 2) + line for line in more)


COMMANDS = (
    Command(
        "sys",
        "[config | CALL ...]",
        collect,
        render,
        (
            Option(
                "-c",
                "the table of system calls, or those with this number or in whose names CALL is",
            ),
            Option("-i", "what the firmware says of the machine (DMI)"),
            Option("-t", "what the kernel is tainted with"),
        ),
        absent=(("-p -panic", "a dump can only be read, and there is no live system to panic"),),
    ),
)
