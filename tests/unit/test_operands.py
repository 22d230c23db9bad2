# SPDX-License-Identifier: GPL-2.0-or-later
"""What an instruction failed of: operands, and the variables that they were."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Optional

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "progs"))

from LinuxDump.att_syntax import memory, register_name, split  # noqa: E402
from LinuxDump.operands import Operand, explain  # noqa: E402
from pykdump.code import Instruction, MemberAt, Variable, registers_in_scope  # noqa: E402

REGISTERS = {"ax": 0, "bx": 0x10, "cx": 3, "di": 0x6B6B6B6B6B6B6B6B, "bp": 0xFFFF888000001000}
FILE = {0x18: MemberAt("f_op", "const struct file_operations *", True)}
OPS = {0x10: MemberAt("read", "ssize_t (*)(struct file *)", True)}


class Known:
    def __init__(self, **variables: tuple[str, str]) -> None:
        self._variables = [Variable(name, *told) for name, told in variables.items()]

    def variables_at(self, addr: int) -> list[Variable]:
        return self._variables

    def variable_type(self, name: str) -> str:
        return {"the_file": "struct file *", "table": "struct file"}.get(name, "")

    def pointed_struct(self, type_name: str) -> str:
        words = type_name.replace("const ", "").split()
        return " ".join(words[:2]) if len(words) == 3 and words[0] == "struct" else ""

    def member_at(self, struct: str, offset: int) -> Optional[MemberAt]:
        return {"struct file": FILE, "struct file_operations": OPS}.get(struct, {}).get(offset)


def explained(know: Known, *texts: str, fault: Optional[int] = None) -> Optional[Operand]:
    code = [Instruction(0x1000 + 4 * at, 4, text) for at, text in enumerate(texts)]
    return explain(code, code[-1].addr, REGISTERS, know, fault)


def test_registers_have_one_name_each() -> None:
    names = ("%rax", "eax", "al", "ah", "%r12d", "r9b", "sil", "%rdi", "r15")
    assert [register_name(name) for name in names] == [
        *("ax", "ax", "ax", "ax", "r12", "r9", "si", "di", "r15")
    ]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("mov    0x8(%rdi,%rsi,8),%rax", ("mov", ["0x8(%rdi,%rsi,8)", "%rax"])),
        ("lock cmpxchg %rdx,(%rdi)", ("cmpxchg", ["%rdx", "(%rdi)"])),
        ("rep stos %al,%es:(%rdi)", ("stos", ["%al", "%es:(%rdi)"])),
        ("mov    0x2470(%rip),%rax        # 0xffffffffc0c89de0 <nowhere>", None),
        ("ret", ("ret", [])),
    ],
)
def test_instructions_are_split(text: str, parts: Optional[tuple[str, list[str]]]) -> None:
    assert split(text) == (parts or ("mov", ["0x2470(%rip)", "%rax"]))


def test_addresses_of_operands() -> None:
    assert memory("%rax") is None and memory("$0x1") is None
    whole = memory("-0x10(%rbx,%rcx,8)")
    assert whole is not None and whole.address(REGISTERS) == 0x10 - 0x10 + 24
    wraps = memory("-0x8(%rax)")
    assert wraps is not None and wraps.address(REGISTERS) == (1 << 64) - 8
    per_cpu = memory("%gs:0x20c0")
    assert per_cpu is not None and per_cpu.address(REGISTERS) is None
    unknown = memory("(%r13)")
    assert unknown is not None and unknown.address(REGISTERS) is None


def test_debug_info_names_variable_and_member() -> None:
    found = explained(Known(file=("struct file *", "rax")), "mov    0x18(%rax),%rdx")
    assert found is not None
    assert (found.variable, found.member, found.offset, found.addr) == ("file", "f_op", 0x18, 0x18)
    assert (found.access, found.register_value_addr, found.is_inferred) == ("read", 0, False)


def test_what_the_instruction_will_write_is_not_what_it_reads_through() -> None:
    found = explained(
        Known(value=("unsigned long", "rax")),
        "mov    0x2470(%rip),%rax        # 0xffffffff81000000 <the_file>",
        "mov    0x18(%rax),%rax",
    )
    assert found is not None
    assert (found.variable, found.member, found.is_inferred) == ("the_file", "f_op", True)


def test_pointers_are_followed_back_through_loads_and_moves() -> None:
    found = explained(
        Known(file=("struct file *", "rbp")),
        "mov    0x18(%rbp),%rcx",
        "mov    %rcx,%rax",
        "cmp    $0x3,%rax",
        "call   *0x10(%rax)",
    )
    assert found is not None
    assert (found.access, found.variable, found.member) == ("call", "file->f_op", "read")
    assert found.is_inferred


def test_what_a_call_returned_and_what_it_destroyed() -> None:
    returned = explained(Known(), "call   0xffffffff81000000 <lookup>", "mov    (%rax),%rdx")
    assert returned is not None and returned.variable == "what lookup() returned"
    lost = explained(
        Known(file=("struct file *", "rbp")),
        "mov    0x18(%rbp),%rcx",
        "call   0xffffffff81000000 <lookup>",
        "mov    (%rcx),%rdx",
    )
    assert lost is not None and (lost.variable, lost.is_inferred) == ("", False)


def test_a_retpoline_calls_what_its_register_holds() -> None:
    for thunk in ("__x86_indirect_thunk_array+96", "__x86_indirect_thunk_rbx"):
        found = explained(
            Known(ops=("const struct file_operations *", "rbp")),
            "mov    0x10(%rbp),%rbx",
            f"call   0xffffffff82000060 <{thunk}>",
        )
        assert found is not None
        assert (found.register, found.variable, found.access) == ("bx", "ops->read", "call")


def test_a_division_names_the_divisor() -> None:
    found = explained(Known(divisor=("u64", "rax")), "div    %rax")
    assert found is not None
    assert (found.access, found.variable, found.register_value_addr) == ("divide", "divisor", 0)


def test_of_two_operands_it_is_the_one_at_the_address_that_failed() -> None:
    text = "movsq  %ds:(%rbp),%es:(%rdi)"
    read = explained(Known(), text, fault=0xFFFF888000001000)
    written = explained(Known(), text, fault=0x6B6B6B6B6B6B6B6B)
    assert read is not None and (read.register, read.access) == ("bp", "read")
    assert written is not None and (written.register, written.access) == ("di", "write")


def test_instructions_without_an_operand_have_none() -> None:
    assert explained(Known(), "ud2") is None
    assert explained(Known(), "nopl   0x0(%rax,%rax,1)") is None
    assert explain([], 0x1000, REGISTERS, Known()) is None


def test_scopes_of_gdb_are_read() -> None:
    text = """Symbol depth is multi-location:
  Range 0xffffffffc0c87960-0xffffffffc0c8797b: a variable in $rdi
  Range 0xffffffffc0c8797b-0xffffffffc0c8797f: a complex DWARF expression:
     0: DW_OP_breg5 1 [$rdi]
, length 4.
Symbol read is a variable in $rax, length 8.
Symbol gone is optimized out.
Symbol there is a variable at frame base reg $rbp offset 16+-20, length 4.
"""
    assert list(registers_in_scope(text, 0xFFFFFFFFC0C87970)) == [("depth", "rdi"), ("read", "rax")]
    assert list(registers_in_scope(text, 0xFFFFFFFFC0C8797B)) == [("read", "rax")]
