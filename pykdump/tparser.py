# SPDX-License-Identifier: GPL-2.0-or-later
"""Pieces of C text and of tables as Python objects: #define, enum, struct, rows under a header."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Union

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_DEFINE = re.compile(r"[ \t]*#[ \t]*define[ \t]+([A-Za-z_]\w*)[ \t]+(\S[^\n]*)")
_TOKEN = re.compile(r"\s*(?:(0[xX][0-9a-fA-F]+|\d+)[uUlL]*\b|([A-Za-z_]\w*)|(<<|>>|[-+*/%&|^~()]))")

_BINARY: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_UNARY: dict[type, Callable[[int], int]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}


def evaluate(text: str, names: Mapping[str, int]) -> int:
    """Value of an integer expression of C; raises ValueError for anything else.

    :param names: values of the names that may occur in it.
    """
    python, at = "", 0
    text = text.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if not token:
            raise ValueError(f"no integer expression: {text}")
        number, name, sign = token.groups()
        if name is not None and name not in names:
            raise ValueError(f"{name} is not defined: {text}")
        octal = number is not None and re.fullmatch(r"0\d+", number)
        value = names[name] if name else int(number, 8 if octal else 0) if number else 0
        python += ("//" if sign == "/" else sign) if sign else f" {value} "
        at = token.end()
    try:
        return _fold(ast.parse(python.strip(), mode="eval").body)
    except (SyntaxError, ArithmeticError, OverflowError, MemoryError, RecursionError):
        raise ValueError(f"no integer expression: {text}") from None


def _fold(node: ast.expr) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_fold(node.operand))
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _fold(node.left), _fold(node.right)
        if isinstance(node.op, ast.LShift) and right > 64:
            raise ValueError("a shift by more than 64 bits")
        return _BINARY[type(node.op)](left, right)
    raise ValueError("no integer expression")


class CDefine(dict[str, int]):
    """Values by name, of lines ``#define NAME VALUE``; names are attributes as well.

    A value is decimal, hexadecimal, octal, an earlier name, or an expression of these. The first
    line that is none of this ends the text.

    >>> modes = CDefine("#define S_IFMT 00170000\\n#define S_IFDIR 0x4000")
    >>> modes.S_IFMT == modes["S_IFMT"] == 0o170000, modes.value2key(0x4000)
    (True, 'S_IFDIR')
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        object.__setattr__(self, "_names", {})
        for line in _COMMENT.sub(" ", text).replace("\\\n", " ").splitlines():
            if not line.strip():
                continue
            found = _DEFINE.fullmatch(line.rstrip())
            try:
                if not found:
                    break
                self[found[1]] = evaluate(found[2], self)
            except ValueError:
                break

    def __setitem__(self, name: str, value: int) -> None:
        super().__setitem__(name, value)
        setattr(self, name, value)
        self._names[value] = name

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name} is not defined here")

    def value2key(self, value: int) -> str | None:
        """The name that was defined last with this value, None without one."""
        name: str | None = self._names.get(value)
        return name


_ENUM = re.compile(r"\s*(?:typedef\s+)?enum\s*(\w*)\s*\{([^}]*)\}\s*(\w*)\s*;?\s*")
_ENUMERATOR = re.compile(r"([A-Za-z_]\w*)\s*(?:=\s*(.+))?", re.DOTALL)


class CEnum:
    """Enumerators of one enum declaration of C, as attributes; ``enum[value]`` is the name.

    >>> states = CEnum("enum state { OFF, ON = 5, };")
    >>> states.ON, states[5]
    (5, 'ON')
    """

    def __init__(self, text: str) -> None:
        plain = re.sub(r"^[ \t]*#.*$", "", _COMMENT.sub(" ", text), flags=re.MULTILINE)
        found = _ENUM.fullmatch(plain)
        if not found:
            raise ValueError(f"no enum declaration: {' '.join(text.split())[:60]}")
        self.stype = found[1] or found[3]
        self.name2i: dict[str, int] = {}  #: values by name
        self.lookup: dict[int, str] = {}  #: the first name of each value
        next_value = 0
        for item in filter(None, map(str.strip, found[2].split(","))):
            parts = _ENUMERATOR.fullmatch(item)
            if not parts:
                raise ValueError(f"no enumerator: {item}")
            value = next_value if parts[2] is None else evaluate(parts[2], self.name2i)
            self.name2i[parts[1]] = value
            self.lookup.setdefault(value, parts[1])
            next_value = value + 1
        self.vals = list(self.name2i.items())  #: names and values in order
        self.__dict__.update(self.name2i)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name} is no enumerator of {self.__dict__.get('stype') or 'it'}")

    def __getitem__(self, value: int) -> str:
        return self.lookup[value]

    def __len__(self) -> int:
        return len(self.name2i)

    def getByName(self, name: str) -> int:
        """Value of an enumerator; raises KeyError."""
        return self.name2i[name]

    def getAllNames(self) -> list[str]:
        """The names, sorted."""
        return sorted(self.name2i)


class FieldDef(NamedTuple):
    """One member of a struct as declared."""

    ctype: str  #: type without stars: "unsigned long", "struct list_head"
    name: str
    stars: int
    dims: tuple[int, ...]
    bitsize: int | None


class SUDef(NamedTuple):
    """A struct or union as declared."""

    stype: str  #: "struct x"
    fields: tuple[FieldDef, ...]


_SU = re.compile(r"\s*(struct|union)\s+(\w+)\s*\{(.*)\}[^{}]*;?\s*", re.DOTALL)
_MEMBER = re.compile(r"(?P<type>.*?[\s*])(?P<names>\**\s*\w+\s*(?:[\[:,].*)?)", re.DOTALL)
_DECLARATOR = re.compile(r"(?P<stars>[\s*]*)(?P<name>\w+)\s*(?P<dims>(?:\[\s*\w*\s*\]\s*)*)(:.*)?")


def parseSUDef(text: str) -> SUDef:
    """The members of a struct or union that holds no other by value without a name.

    Raises ValueError for what is no such declaration.

    >>> from pykdump.tparser import parseSUDef
    >>> [(f.ctype, f.stars, f.name) for f in parseSUDef("struct x { char *a; int b; };").fields]
    [('char', 1, 'a'), ('int', 0, 'b')]
    """
    found = _SU.fullmatch(_COMMENT.sub(" ", text))
    if not found or "{" in found[3] or "(" in found[3]:
        raise ValueError(f"no plain struct: {' '.join(text.split())[:60]}")
    members = [part for part in map(str.strip, found[3].split(";")) if part]
    return SUDef(f"{found[1]} {found[2]}", tuple(f for part in members for f in _fields(part)))


def _fields(member: str) -> Iterator[FieldDef]:
    found = _MEMBER.fullmatch(member)
    if not found:
        raise ValueError(f"no member of a struct: {member}")
    base = found["type"]
    stars = base.count("*")
    words = [word for word in base.replace("*", " ").split() if word not in ("const", "volatile")]
    for number, text in enumerate(found["names"].split(",")):
        one = _DECLARATOR.fullmatch(text.strip())
        if not one:
            raise ValueError(f"no member of a struct: {member}")
        dims = tuple(int(dim or "0", 0) for dim in re.findall(r"\[\s*(\w*)\s*\]", one["dims"]))
        bits = int(one[4][1:], 0) if one[4] else None
        own = one["stars"].count("*") + (stars if number == 0 else 0)
        yield FieldDef(" ".join(words), one["name"], own, dims, bits)


#: A row: cells by the word of the header above them; surplus ones are a list under "__extra".
Row = dict[str, Union[str, list[str]]]


def parser_header_tabs(text: str, anyws: bool = False, skip: int = 0) -> list[Row]:
    """Rows below a header line, as dicts by the words of the header; empty lines are left out.

    :param anyws: columns are separated by any white space, and not by tabs only.
    :param skip: lines before the header.

    >>> from pykdump.tparser import parser_header_tabs
    >>> parser_header_tabs("NAME\\tSIZE\\next4\\t7\\n")
    [{'NAME': 'ext4', 'SIZE': '7'}]
    """
    lines = [line for line in text.splitlines()[skip:] if line.strip()]
    rows = [line.split() if anyws else _by_tabs(line) for line in lines]
    return [_row(rows[0], cells) for cells in rows[1:]]


def _by_tabs(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"\t+", line.strip())]


def _row(header: list[str], cells: list[str]) -> Row:
    row: Row = dict(zip(header, cells))
    if len(cells) > len(header):
        row["__extra"] = cells[len(header) :]
    return row
