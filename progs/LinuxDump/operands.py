# SPDX-License-Identifier: GPL-2.0-or-later
"""What an instruction that failed worked on: its operand, and the variable that it was."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from LinuxDump.att_syntax import memory, register_name, split
from pykdump.code import Instruction, MemberAt, Variable

_U64 = (1 << 64) - 1
_LOOKED_BACK = 40  # instructions
_PATH_MAX = 3  # loads from memory that are followed backwards

_SYMBOL = re.compile(r"#\s*0x[0-9a-f]+\s*<(?P<name>[\w.]+)(?:\+(?P<offset>\d+))?>")
_THUNK = re.compile(r"<__x86_indirect_thunk_(?:array(?:\+(?P<at>\d+))?|(?P<name>r\w+))>")
_THUNK_SIZE = 32  # RETPOLINE_THUNK_SIZE, arch/x86/include/asm/nospec-branch.h
_THUNKS = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di", *(f"r{n}" for n in range(8, 16)))


@dataclass(frozen=True)
class Operand:
    """An operand, explained."""

    text: str  #: as in the instruction: "0x28(%rdi)", "%rcx"
    access: str  #: "read", "write", "call", "jump", "divide"
    addr: int | None  #: of the memory; None where registers are not known
    register: str  #: the base register, "" without
    register_value_addr: int | None
    variable: str  #: what that register holds: "sk", "sk->next"; "" where it is not known
    type: str  #: of the variable
    member: str  #: at the offset that is accessed
    offset: int
    is_inferred: bool  #: from the instructions before, not told by debug info


class Knowledge(Protocol):
    """What an explanation asks; pykdump.code answers, or a test."""

    def variables_at(self, addr: int) -> list[Variable]:
        """Variables that are in registers there."""

    def variable_type(self, name: str) -> str:
        """Type of a global variable."""

    def pointed_struct(self, type_name: str) -> str:
        """The struct that a type points to."""

    def member_at(self, struct: str, offset: int) -> MemberAt | None:
        """The member at an offset."""


def explain(
    code: Sequence[Instruction],
    addr: int,
    registers: Mapping[str, int],
    know: Knowledge,
    fault_addr: int | None = None,
) -> Operand | None:
    """The operand that the instruction at ``addr`` failed of; None for one without.

    :param code: the function from its start on, at least up to the instruction.
    :param registers: before the instruction, named as in pt_regs.
    :param fault_addr: the address that could not be accessed, to choose among two operands.
    """
    here = next((each for each in code if each.addr == addr), None)
    if here is None:
        return None
    mnemonic, operands = split(here.text)
    if mnemonic.startswith(("div", "idiv")) and operands and memory(operands[-1]) is None:
        return _of_register(code, here, operands[-1], "divide", registers, know)
    if mnemonic.startswith(("call", "jmp")) and operands:
        access = "call" if mnemonic.startswith("call") else "jump"
        target = _thunk_register(here.text) or operands[-1].lstrip("*")
        if memory(target) is None:
            return _of_register(code, here, target, access, registers, know)
        return _of_memory(code, here, target, access, registers, know)
    places = [operand for operand in operands if memory(operand) is not None]
    if mnemonic.startswith(("lea", "nop")) or not places:
        return None
    chosen = _closest(places, registers, fault_addr)
    is_written = chosen == operands[-1] and not mnemonic.startswith(("cmp", "test", "push", "bt"))
    access = "write" if is_written and len(operands) > 1 or _changes(mnemonic) else "read"
    if mnemonic.startswith(("div", "idiv")):
        access = "divide"
    return _of_memory(code, here, chosen, access, registers, know)


def _thunk_register(text: str) -> str:
    # Indirect calls go through retpolines, one for each register.
    found = _THUNK.search(text)
    if found is None:
        return ""
    if found["name"]:
        return f"%{found['name']}"
    number = int(found["at"] or 0) // _THUNK_SIZE
    return f"%r{_THUNKS[number].lstrip('r')}" if number < len(_THUNKS) else ""


def _changes(mnemonic: str) -> bool:
    return mnemonic.rstrip("bwlq") in ("inc", "dec", "not", "neg", "pop")


def _closest(places: list[str], registers: Mapping[str, int], fault_addr: int | None) -> str:
    def distance(place: str) -> int:
        found = memory(place)
        at = None if found is None else found.address(registers)
        return _U64 if at is None or fault_addr is None else (fault_addr - at) & _U64

    return min(places, key=distance)


def _of_register(
    code: Sequence[Instruction],
    here: Instruction,
    text: str,
    access: str,
    registers: Mapping[str, int],
    know: Knowledge,
) -> Operand:
    name = register_name(text)
    known = _Names(code, know).of(name, here, is_pointer=access != "divide")
    return Operand(
        text=text,
        access=access,
        addr=None,
        register=name,
        register_value_addr=registers.get(name),
        variable=known.text,
        type=known.type,
        member="",
        offset=0,
        is_inferred=bool(known.text) and known.is_inferred,
    )


def _of_memory(
    code: Sequence[Instruction],
    here: Instruction,
    text: str,
    access: str,
    registers: Mapping[str, int],
    know: Knowledge,
) -> Operand:
    place = memory(text)
    assert place is not None
    # Of an array's element the index counts it, and the base is the array.
    base = place.base
    known = _Names(code, know).of(base, here) if base else _Known("", "", False)
    struct = know.pointed_struct(known.type)
    member = know.member_at(struct, place.disp) if struct and not place.index else None
    return Operand(
        text=text,
        access=access,
        addr=place.address(registers),
        register=base,
        register_value_addr=registers.get(base),
        variable=known.text,
        type=known.type,
        member=member.path if member else "",
        offset=place.disp,
        is_inferred=bool(known.text) and known.is_inferred,
    )


@dataclass(frozen=True)
class _Known:
    text: str
    type: str
    is_inferred: bool


_UNKNOWN = _Known("", "", False)


class _Names:
    # What registers hold, by debug info, else by the instructions that loaded them.
    def __init__(self, code: Sequence[Instruction], know: Knowledge) -> None:
        self._code = code
        self._know = know

    def of(
        self, register: str, here: Instruction, depth: int = 0, is_pointer: bool = True
    ) -> _Known:
        fits = [
            variable
            for variable in self._know.variables_at(here.addr)
            if register_name(variable.register) == register
        ]
        structs = [each for each in fits if self._know.pointed_struct(each.type)]
        # What the instruction is about to write there may have the same register.
        pointers = structs or [each for each in fits if each.type.endswith("*")]
        best = next(iter(pointers), None if is_pointer else next(iter(fits), None))
        if best is not None:
            return _Known(best.name, best.type, depth > 0)
        return self._loaded(register, here, depth) if depth < _PATH_MAX else _UNKNOWN

    def _loaded(self, register: str, here: Instruction, depth: int) -> _Known:
        before = [each for each in self._code if each.addr < here.addr][-_LOOKED_BACK:]
        for instruction in reversed(before):
            mnemonic, operands = split(instruction.text)
            if mnemonic.startswith("call"):
                if register == "ax":
                    callee = re.search(r"<([\w.]+)>", instruction.text)
                    return _Known(f"what {callee[1]}() returned", "", True) if callee else _UNKNOWN
                if register in ("cx", "dx", "si", "di", "r8", "r9", "r10", "r11"):
                    return _UNKNOWN
                continue
            if not operands or not operands[-1].startswith("%"):
                continue
            if register_name(operands[-1]) != register or mnemonic.startswith(("cmp", "test")):
                continue
            if mnemonic in ("mov", "movq", "lea") and len(operands) == 2:
                return self._source(mnemonic, operands[0], instruction, depth)
            return _UNKNOWN
        return _UNKNOWN

    def _source(self, mnemonic: str, source: str, at: Instruction, depth: int) -> _Known:
        if source.startswith("%") and ":" not in source:
            known = self.of(register_name(source), at, depth + 1)
            return _Known(known.text, known.type, True)
        symbol = _SYMBOL.search(at.text)
        if symbol and not symbol["offset"]:
            type_name = self._know.variable_type(symbol["name"])
            if mnemonic == "lea":
                return _Known(f"&{symbol['name']}", f"{type_name} *" if type_name else "", True)
            return _Known(symbol["name"], type_name, True)
        place = memory(source)
        if place is None or not place.base or place.index or place.segment:
            return _UNKNOWN
        known = self.of(place.base, at, depth + 1)
        struct = self._know.pointed_struct(known.type)
        member = self._know.member_at(struct, place.disp) if struct else None
        if member is None or not member.is_start:
            return _UNKNOWN
        if mnemonic == "lea":
            return _Known(f"&{known.text}->{member.path}", f"{member.type} *", True)
        return _Known(f"{known.text}->{member.path}", member.type, True)
