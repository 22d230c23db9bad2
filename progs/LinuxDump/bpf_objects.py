# SPDX-License-Identifier: GPL-2.0-or-later
"""BPF programs and maps (include/linux/bpf.h)."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump import trees
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

# v5.11 made struct bpf_prog_aux.user of what belongs to memcg since; names since 4.15.
_PROG = Layout(
    "struct bpf_prog", "type", "tag", "len", "gpl_compatible", "aux", "jited_len", "aux.name"
)
_INSTRUCTION_BYTES = 8  # struct bpf_insn, which is part of the ABI
_MAP = Layout(
    "struct bpf_map", "map_type", "map_flags", "key_size", "value_size", "max_entries", "name"
)


@dataclass(frozen=True)
class Program:
    """A BPF program."""

    id: int
    addr: int  #: struct bpf_prog *
    aux_addr: int  #: struct bpf_prog_aux *
    type: str
    tag: str
    name: str
    xlated_bytes: int  #: of the bytecode that the verifier has left
    jited_bytes: int
    is_gpl: bool


@dataclass(frozen=True)
class Map:
    """A BPF map."""

    id: int
    addr: int  #: struct bpf_map *
    type: str
    flags: int
    key_bytes: int
    value_bytes: int
    max_entries: int
    name: str


def programs() -> list[Program]:
    """Programs by id; none where the kernel has no bpf()."""
    pairs = _ids("prog_idr")
    if not pairs or not compat.has("struct bpf_prog.aux"):
        return []
    kinds = _names("enum bpf_prog_type", "BPF_PROG_TYPE_")
    found = []
    for (number, addr), row in zip(pairs, _PROG.read_many([addr for _, addr in pairs])):
        if row is None:
            pylog.warning(f"bpf_prog {addr:#x} cannot be read")
            continue
        kind, tag, length, is_gpl, aux, size, name = row
        found.append(
            Program(
                *(number, addr, aux, kinds.get(kind, str(kind)), tag.hex(), _text(name)),
                *(length * _INSTRUCTION_BYTES, size, bool(is_gpl)),
            )
        )
    return found


def maps() -> list[Map]:
    """Maps by id."""
    pairs = _ids("map_idr")
    if not pairs:
        return []
    kinds = _names("enum bpf_map_type", "BPF_MAP_TYPE_")
    found = []
    for (number, addr), row in zip(pairs, _MAP.read_many([addr for _, addr in pairs])):
        if row is None:
            pylog.warning(f"bpf_map {addr:#x} cannot be read")
            continue
        kind, flags, key, value, most, name = row
        found.append(
            Map(number, addr, kinds.get(kind, str(kind)), flags, key, value, most, _text(name))
        )
    return found


def _ids(symbol: str) -> list[tuple[int, int]]:
    where = lowlevel.find_symbol(symbol)
    if where is None:
        return []
    found = trees.idr(where)
    if found.end != "complete":
        pylog.warning(f"{symbol} is broken: {found.end} at {found.stopped_at:#x}")
    return found.entries


def _names(enum: str, prefix: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for name, number in lowlevel.enumerators(enum).items():
        found.setdefault(number, name.removeprefix(prefix))
    return found


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "backslashreplace")
