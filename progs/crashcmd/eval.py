# SPDX-License-Identifier: GPL-2.0-or-later
"""A number or expression in hexadecimal, decimal, octal and binary.

EXPRESSION is made of numbers (as C writes them; k, m and g multiply by 1024 and its powers),
symbols and + - * / % & | ^ << >> ~ ( ); hexadecimal numbers with letters need no 0x. Lines are
hexadecimal, decimal, octal and binary, with the sign where the highest bit is set.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crashcmd.command import Command, Given, Option
from crashcmd.values import U64
from pykdump import symbols
from pykdump.errors import CrashError

_UNITS = {"k": 10, "m": 20, "g": 30}
_OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Div: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.BitAnd: lambda a, b: a & b,
    ast.BitOr: lambda a, b: a | b,
    ast.BitXor: lambda a, b: a ^ b,
    ast.LShift: lambda a, b: a << min(b, 64),
    ast.RShift: lambda a, b: a >> min(b, 64),
}
_WORD = re.compile(r"[A-Za-z0-9_.$]+")


@dataclass(frozen=True)
class Value:
    """A number of 64 bits."""

    value: int


def collect(given: Given) -> Value:
    words = " ".join(given.words)
    if not words:
        raise given.error("an expression is needed")
    return Value(evaluate(words) & U64)


def evaluate(text: str) -> int:
    """The value of an expression; raises CrashError."""
    known: dict[str, int] = {}

    def name(match: re.Match[str]) -> str:
        key = f"_{len(known)}"
        known[key] = _number(match[0])
        return key

    try:
        tree = ast.parse(_WORD.sub(name, text).strip(), mode="eval")
        return _value(tree.body, known)
    except (SyntaxError, ValueError, RecursionError):
        raise CrashError(f"{text.strip()} is no expression") from None
    except ZeroDivisionError:
        raise CrashError(f"{text.strip()}: division by zero") from None


def _number(word: str) -> int:
    scaled = re.fullmatch(r"(\d+|0[xX][0-9a-fA-F]+)([kKmMgG])", word)
    if scaled:
        return int(scaled[1], 0) << _UNITS[scaled[2].lower()]
    if word.isdecimal() and word.isascii():
        return int(word, 8 if word[0] == "0" and not set(word) & set("89") else 10)
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|[0-9a-fA-F]*\d[0-9a-fA-F]*", word):
        return int(word, 16)
    found = symbols.sym2addr(word)
    if found:
        return found
    if re.fullmatch(r"[0-9a-fA-F]+", word):
        return int(word, 16)
    raise CrashError(f"{word} is no number and no symbol")


def _value(node: ast.AST, known: dict[str, int]) -> int:
    if isinstance(node, ast.Name):
        if node.id not in known:  # a letter of no alphabet that the kernel's names have
            raise ValueError
        return known[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return int(_OPERATIONS[type(node.op)](_value(node.left, known), _value(node.right, known)))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Invert, ast.UAdd)):
        value = _value(node.operand, known)
        return (
            -value
            if isinstance(node.op, ast.USub)
            else ~value
            if isinstance(node.op, ast.Invert)
            else value
        )
    raise ValueError


def render(record: Value, given: Given) -> Iterator[str]:
    value = record.value
    yield f"hexadecimal: {value:x}  {_unit(value)}"
    signed = f"({value - (1 << 64)})" if value >> 63 else ""
    yield f"    decimal: {value}  {signed}"
    yield f"      octal: {value:o}"
    yield f"     binary: {value:064b}"
    if "-b" in given:
        bits = [str(bit) for bit in range(63, -1, -1) if value >> bit & 1]
        yield f"   bits set: {' '.join(bits)}"


def _unit(value: int) -> str:
    for unit, shift in (("GB", 30), ("MB", 20), ("KB", 10)):
        if value and not value & (1 << shift) - 1:
            return f"({value >> shift}{unit})"
    return ""


COMMANDS = (
    Command(
        "eval",
        "EXPRESSION",
        collect,
        render,
        (
            Option("-b", "the numbers of the bits that are set"),
            Option("-l", "numbers of 64 bits, as all are here"),
        ),
        is_raw=True,
        json_last=True,
    ),
)
