# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses with CPUs: SYMBOL:2, SYMBOL:0,2-4, SYMBOL:a for all CPUs."""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import values
from crashcmd.command import WordsError
from LinuxDump import percpu


def cpus(words: str) -> list[int]:
    """CPUs of ``a``, ``2`` or ``0,2-4``; raises CrashError."""
    count = len(percpu.per_cpu_offsets())
    if words in ("a", "all", ""):
        return list(range(count))
    found: list[int] = []
    for word in words.split(","):
        first, _, last = word.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            raise WordsError(f"{words} is no list of CPUs; give it as in 0,2-4")
        found += range(int(first), min(int(last or first), int(first) + 8191) + 1)
    missing = [cpu for cpu in found if cpu >= count]
    if missing:
        raise WordsError(f"there is no CPU {missing[0]}: the dump has {count}")
    return found


def places(word: str) -> Iterator[tuple[str, int]]:
    """A heading and an address for each CPU; the heading is "" for a plain address."""
    base, colon, chosen = word.rpartition(":")
    if not colon:
        yield "", values.address(word)
        return
    for cpu in cpus(chosen):
        if percpu.is_percpu_symbol(base):
            addr = percpu.per_cpu(base, cpu)
        else:
            addr = percpu.per_cpu_ptr(values.address(base), cpu)
        yield f"[{cpu}]: {addr:x}", addr
