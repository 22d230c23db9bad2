# SPDX-License-Identifier: GPL-2.0-or-later
"""BPF programs and maps.

Columns: ID, BPF_PROG (struct bpf_prog), BPF_PROG_AUX, BPF_PROG_TYPE, TAG, NAME; of maps ID,
BPF_MAP, BPF_MAP_TYPE, MAP_FLAGS, NAME. A program that is asked for goes on with the bytes of its
bytecode (XLATED) and machine code (JITED), a map with its sizes in bytes and its MAX_ENTRIES.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crashcmd import struct
from crashcmd.command import Command, Given, Option
from LinuxDump import bpf_objects
from LinuxDump.bpf_objects import Map, Program


@dataclass(frozen=True)
class Bpf:
    """Programs and maps; None for what was not asked for."""

    programs: tuple[Program, ...] | None
    maps: tuple[Map, ...] | None


def collect(given: Given) -> Bpf:
    programs, maps = given.value("-p"), given.value("-m")
    every = not set(given.flags()) & {"-p", "-m", "-P", "-M"}
    chosen_programs = tuple(bpf_objects.programs()) if every or "-P" in given else None
    chosen_maps = tuple(bpf_objects.maps()) if every or "-M" in given else None
    if programs is not None:
        chosen_programs = tuple(p for p in bpf_objects.programs() if str(p.id) == programs)
        if not chosen_programs:
            raise given.error(f"there is no program with id {programs}")
    if maps is not None:
        chosen_maps = tuple(m for m in bpf_objects.maps() if str(m.id) == maps)
        if not chosen_maps:
            raise given.error(f"there is no map with id {maps}")
    return Bpf(chosen_programs, chosen_maps)


def render(record: Bpf, given: Given) -> Iterator[str]:
    if record.programs:
        yield " ID      BPF_PROG        BPF_PROG_AUX    BPF_PROG_TYPE    TAG              NAME"
        for p in record.programs:
            yield f"{p.id:3}  {p.addr:x}  {p.aux_addr:x}  {p.type:15}  {p.tag} {p.name}"
            if set(given.flags()) & {"-p", "-P"}:
                yield f"     XLATED: {p.xlated_bytes}  JITED: {p.jited_bytes}"
                yield f"     GPL_COMPATIBLE: {'yes' if p.is_gpl else 'no'}"
            if "-s" in given:
                yield from struct.shown("struct bpf_prog", [], p.addr, given)
                yield from struct.shown("struct bpf_prog_aux", [], p.aux_addr, given)
    if record.maps:
        yield " ID      BPF_MAP         BPF_MAP_TYPE     MAP_FLAGS  NAME"
        for m in record.maps:
            yield f"{m.id:3}  {m.addr:x}  {m.type:15}  {m.flags:08x}   {m.name}"
            if set(given.flags()) & {"-m", "-M"}:
                yield (
                    f"     KEY_SIZE: {m.key_bytes}  VALUE_SIZE: {m.value_bytes}  "
                    f"MAX_ENTRIES: {m.max_entries}"
                )
            if "-s" in given:
                yield from struct.shown("struct bpf_map", [], m.addr, given)
    if not record.programs and not record.maps:
        yield "(no BPF programs and maps)"


COMMANDS = (
    Command(
        "bpf",
        "",
        collect,
        render,
        (
            Option("-p", "only the program with this id", "ID"),
            Option("-m", "only the map with this id", "ID"),
            Option("-P", "all programs, as -p shows one"),
            Option("-M", "all maps, as -m shows one"),
            Option("-s", "show the structs, too"),
            Option("-x", "numbers of -s in hexadecimal"),
            Option("-d", "numbers of -s in decimal"),
        ),
        absent=(
            ("-t -T", "nothing here reads BPF's bytecode, which is at struct bpf_prog.insnsi"),
            ("-j", "GDB shows the code: x/20i ((struct bpf_prog *)ADDRESS)->bpf_func"),
        ),
    ),
)
