# SPDX-License-Identifier: GPL-2.0-or-later
"""The value of an expression, as GDB's print.

Of a per-CPU variable it prints the address of each CPU's copy; VARIABLE:CPU prints a copy, :a all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashcmd import completion, percpu_words
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import percpu
from pykdump import commands, lowlevel, printed
from pykdump.errors import PykdumpError


def collect(given: Given) -> Text:
    expression = " ".join(given.words)
    if not expression:
        raise given.error("an expression is needed")
    base, _, cpus = expression.rpartition(":")
    if base and percpu.is_percpu_symbol(base):
        return text(_copies(base, cpus, given))
    if percpu.is_percpu_symbol(expression) or expression == "__per_cpu_start":
        return text(_addresses(expression))
    return text(_value(expression, given))


#: Without a tag, which GDB would look for again and again.
_PLAIN = re.compile(r"\*?[A-Za-z_]\w*((\.|->)\w+|\[\d+\])*")


def _is_hexadecimal(given: Given) -> bool:
    return "-x" in given or ("-d" not in given and printed.radix == 16)


def _radix(given: Given) -> str:
    # Format x would take texts, enumerators and names of symbols for numbers, too.
    return "with output-radix 16 -- " if _is_hexadecimal(given) else ""


def _print(given: Given) -> str:
    return (
        f"{printed.WITH_LARGE_VALUES} -- "
        "with print pretty on -- with print repeats unlimited -- "
        f"with print elements {printed.most_elements} -- "
        f"with print array {'on' if printed.pretty_arrays else 'off'} -- {_radix(given)}print"
    )


def _value(expression: str, given: Given) -> Iterator[str]:
    found = None
    if _PLAIN.fullmatch(expression):
        found = printed.struct_shown(expression, 16 if _is_hexadecimal(given) else 10)
    if found is None:
        found = commands.gdb().execute(f"{_print(given)} {expression}")
    shown = found.splitlines()
    if re.fullmatch(r"[A-Za-z_]\w*", expression) and lowlevel.find_symbol(expression):
        shown[0] = f"{expression} = {shown[0]}"
    yield from shown


def _addresses(name: str) -> Iterator[str]:
    kind = _declaration(name)
    if kind:
        yield "PER-CPU DATA TYPE:"
        yield f"  {kind};"
        yield "PER-CPU ADDRESSES:"
    for cpu, offset in enumerate(percpu.per_cpu_offsets()):
        if name == "__per_cpu_start":
            addr = ((lowlevel.link_address(name) or 0) + offset) & 0xFFFF_FFFF_FFFF_FFFF
        else:
            addr = percpu.per_cpu(name, cpu)
        yield f"  [{cpu}]: {addr:x}"


def _declaration(name: str) -> str:
    if name == "__per_cpu_start":
        return ""
    try:
        return f"{lowlevel.variable_type(name)} {name}"
    except PykdumpError:
        return name


def _copies(name: str, cpus: str, given: Given) -> Iterator[str]:
    for cpu in percpu_words.cpus(cpus):
        pointer = printed.pointer_to_variable(name, percpu.per_cpu(name, cpu))
        with printed.variable(pointer) as word:
            first, *more = commands.gdb().execute(f"{_print(given)} *{word}").splitlines()
        yield f"per_cpu({name}, {cpu}) = {first}"
        yield from more


COMMANDS = (
    Command(
        "p",
        "EXPRESSION",
        collect,
        options=(
            Option("-x", "numbers in hexadecimal"),
            Option("-d", "numbers in decimal"),
            Option("-u", "addresses of the selected task's memory are meant, as they are always"),
        ),
        is_raw=True,
        json_last=True,
        completes=completion.expressions,
    ),
)
