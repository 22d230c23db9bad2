# SPDX-License-Identifier: GPL-2.0-or-later
"""What the status of a machine check bank says (Intel SDM volume 3B, chapter 16)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from LinuxDump.oops import LogLine

_LINE = re.compile(
    r"\[Hardware Error\]: CPU (?P<cpu>\d+): Machine Check(?: Exception)?: (?P<mcg>[0-9a-f]+) "
    r"Bank (?P<bank>\d+): (?P<status>[0-9a-f]{16})"
)
_ADDRESS = re.compile(r"\[Hardware Error\]: .*\bADDR (?P<addr>[0-9a-f]+)")

#: Bits of MCi_STATUS.
_BITS = (
    (62, "others were lost (overflow)"),
    (61, "uncorrected"),
    (57, "the processor's context is corrupt"),
    (56, "signalled"),
    (55, "action required"),
)
_VALID, _HAS_ADDRESS = 1 << 63, 1 << 58

# Fields of compound error codes.
_LEVELS = ("L0", "L1", "L2", "any level")
_KINDS = ("instruction", "data", "generic", "?")
_REQUESTS = (
    *("generic", "generic read", "generic write", "data read", "data write"),
    *("instruction fetch", "prefetch", "eviction", "snoop"),
)
_MEMORY = ("generic", "read", "write", "address or command", "scrubbing")


@dataclass(frozen=True)
class MachineCheck:
    """A bank that reported an error."""

    cpu: int
    bank: int
    status_addr: int  #: MCi_STATUS, shown in hexadecimal
    flags: tuple[str, ...]
    error: str  #: of the error code, for people
    phys_addr: int | None  #: physical, where the bank knows it


def machine_checks(lines: Sequence[LogLine]) -> Iterator[MachineCheck]:
    """The banks that the log's lines tell of."""
    for at, line in enumerate(lines):
        found = _LINE.search(line.text)
        if found is None:
            continue
        status = int(found["status"], 16)
        if not status & _VALID:
            continue
        near = (_ADDRESS.search(each.text) for each in lines[at : at + 4])
        address = next((each for each in near if each), None)
        yield MachineCheck(
            cpu=int(found["cpu"]),
            bank=int(found["bank"]),
            status_addr=status,
            flags=tuple(text for bit, text in _BITS if status >> bit & 1),
            error=error_text(status & 0xFFFF),
            phys_addr=int(address["addr"], 16) if address and status & _HAS_ADDRESS else None,
        )


def error_text(code: int) -> str:
    """An error code of the architecture in words.

    >>> error_text(0x0151)
    'instruction cache, L1, instruction fetch'
    """
    simple = {0: "none", 1: "unclassified", 2: "microcode ROM parity", 3: "external", 5: "internal"}
    if code in simple:
        return simple[code]
    code &= ~0x1000  # filtering of corrected errors
    level, kind, request = _LEVELS[code & 3], _KINDS[code >> 2 & 3], code >> 4 & 0xF
    if code >> 4 == 0:
        return f"cache hierarchy, {level}" if code >= 0xC else f"code {code:#x}"
    if code >> 4 == 1:
        return f"{kind} TLB, {level}"
    if code >> 7 == 1:
        name = _MEMORY[request & 7] if (request & 7) < len(_MEMORY) else "?"
        channel = code & 0xF
        return f"memory controller, {name}" + (f", channel {channel}" if channel != 15 else "")
    if code >> 8 == 1:
        name = _REQUESTS[request] if request < len(_REQUESTS) else "?"
        return f"{kind} cache, {level}, {name}"
    if code >> 10 == 1:
        return "internal timer" if code == 0x400 else "internal"
    if code >> 11 == 1:
        return "bus or interconnect"
    return f"code {code:#x}"


def text(found: MachineCheck) -> str:
    """A bank in one line."""
    where = "" if found.phys_addr is None else f", at physical address {found.phys_addr:#x}"
    flags = f" ({', '.join(found.flags)})" if found.flags else ""
    return f"CPU {found.cpu}, bank {found.bank}: {found.error}{flags}{where}"
