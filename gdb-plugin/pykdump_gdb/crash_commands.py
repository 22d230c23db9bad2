# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands of crash that scripts read as text, in crash's layout: the ones that are quickly told.

Each takes what follows its name and yields lines; pykdump.commands runs them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import gdb

from LinuxDump import percpu
from LinuxDump.modules import modules, taint_letters
from LinuxDump.printk import log_records, panic_message
from pykdump import commands, dlkmload, lowlevel, models, symbols
from pykdump.errors import CrashError, PykdumpError, ReadError
from pykdump_gdb import module_loading

_BYTES_IN_A_ROW = 16
_LONGEST_TEXT = 4096


def _log(rest: str) -> Iterator[str]:
    if rest:
        raise CrashError(f"log takes no options here: {rest}; see: pykdump log --help")
    for record in log_records():
        stamp = f"[{record.ts_ns // 10**9:5d}.{record.ts_ns % 10**9 // 1000:06d}] "
        text = record.text.decode("utf-8", "backslashreplace").rstrip("\n")
        yield stamp + text.replace("\n", "\n" + " " * len(stamp))


def _sys(rest: str) -> Iterator[str]:
    if rest:
        raise CrashError(f"sys takes no options here: {rest}")
    lines = dict(models.get().sys_lines())
    panic = panic_message()
    if panic:
        lines["PANIC"] = f'"{panic}"'
    width = max(12, *map(len, lines))
    for key, value in lines.items():
        first, *more = str(value).split("|")
        yield f"{key:>{width}}: {first}"
        yield from (" " * (width + 2) + line for line in more)


# --- modules


def _mod(rest: str) -> Iterator[str]:
    words = rest.split()
    if not words:
        yield from _module_table([module.name for module in modules()])
    elif words[0] == "-s" and len(words) in (2, 3):
        name = words[1]
        if name not in dlkmload.lsModules():
            raise CrashError(f"mod: {name}: no such module in the dump")
        module_loading.load(module_loading.named(name), words[2:])
        yield from _module_table([name])
    elif words[0] == "-d" and len(words) == 2:
        dlkmload.delModule(words[1])
    elif words == ["-t"]:
        yield from _taint_table()
    else:
        raise CrashError(f"mod takes -s NAME [FILE], -d NAME or -t here: {rest}")


def _module_table(names: list[str]) -> Iterator[str]:
    chosen = [module for module in modules() if module.name in names]
    width = max([4, *(len(module.name) for module in chosen)])
    yield f"     MODULE       {'NAME':{width}}      TEXT_BASE         SIZE  OBJECT FILE"
    for module in chosen:
        file = module_loading.loaded(module.name)
        source = file.path if file else "(not loaded)  [CONFIG_KALLSYMS]"
        size = sum(piece.size_bytes for piece in module.pieces)
        yield f"{module.addr:x}  {module.name:{width}}  {module.text.addr:x}  {size:9}  {source}"


def _taint_table() -> Iterator[str]:
    tainted = [module for module in modules() if module.taints]
    if not tainted:
        yield "no tainted modules"
        return
    width = max([4, *(len(module.name) for module in tainted)])
    yield f"{'NAME':{width}}  TAINTS"
    yield from (f"{module.name:{width}}  {taint_letters(module.taints)}" for module in tainted)


# --- symbols and expressions


def _sym(rest: str) -> Iterator[str]:
    words = rest.split()
    if len(words) != 1 or words[0].startswith("-"):
        raise CrashError(f"sym takes a name or an address here: {rest}")
    named = symbols.sym2addr(words[0])
    addr = named or _number(words[0])
    if addr is None:
        raise CrashError(f"sym: invalid address or symbol: {rest}")
    yield symbol_line(addr, words[0] if named else None)


def symbol_line(addr: int, name: str | None = None) -> str:
    """`ADDR (T) NAME+OFFSET [MODULE] FILE: LINE`, as crash shows an address.

    :param name: of the symbols at the address, the one to show.
    """
    found, offset = symbols.addr2sym(addr, True)
    if found is None:
        raise CrashError(f"sym: invalid address: {addr:x}")
    line = gdb.find_pc_line(addr)
    kind = "T" if line.symtab is not None else "D"
    if gdb.lookup_global_symbol(name or found) is None:
        kind = kind.lower()
    text = f"{addr:x} ({kind}) {name or found}" + (f"+{offset}" if offset else "")
    module = symbols.addr2mod(addr)
    if module:
        text += f" [{module}]"
    return text + (f" {line.symtab.filename}: {line.line}" if line.symtab else "")


def _p(rest: str) -> Iterator[str]:
    if percpu.is_percpu_symbol(rest):
        yield "PER-CPU ADDRESSES:"
        for cpu, _ in enumerate(percpu.per_cpu_offsets()):
            yield f"  [{cpu}]: {percpu.per_cpu(rest, cpu):x}"
        return
    if rest == "__per_cpu_start":
        for cpu, offset in enumerate(percpu.per_cpu_offsets()):
            base = (lowlevel.link_address(rest) or 0) + offset
            yield f"  [{cpu}]: {base & 0xFFFF_FFFF_FFFF_FFFF:x}"
        return
    yield from commands.gdb().execute(f"p {rest}").splitlines()


def _struct(rest: str) -> Iterator[str]:
    words = rest.split()
    if not words:
        raise CrashError("struct: no name of a struct is given")
    name, _, path = words[0].partition(".")
    keyword = next(
        (each for each in ("struct", "union") if lowlevel.has_type(f"{each} {name}")), ""
    )
    full = f"{keyword} {name}" if keyword else name
    if not lowlevel.has_type(full):
        raise CrashError(f"struct: invalid data structure reference: {name}")
    if len(words) == 1:
        where = f"(({full} *)0)->{path}" if path else full
        shown = commands.gdb().execute(f"{'whatis' if path else 'ptype'} {where}")
        yield from shown.removeprefix("type = ").splitlines()
        if not path:
            yield f"SIZE: {lowlevel.sizeof(full)}"
        return
    addr = symbols.sym2addr(words[1]) or _number(words[1])
    if addr is None:
        raise CrashError(f"struct: invalid address or symbol: {words[1]}")
    place = f"(({full} *){addr:#x})"
    for member in path.split(",") if path else [""]:
        expression = f"{place}->{member}" if member else f"*{place}"
        shown = commands.gdb().execute(f"output {expression}")
        yield from (f"  {member} = {shown}" if member else shown).splitlines()


# --- memory


def _rd(rest: str) -> Iterator[str]:
    found = re.fullmatch(r"(\S+)(?:\s+-e\s+(\S+))?(\s+-a)?(?:\s+(\d+))?", rest)
    start = symbols.sym2addr(found[1]) or _number(found[1]) if found else None
    if found is None or start is None:
        raise CrashError(f"rd takes ADDRESS [-e END] [-a] [COUNT] here: {rest}")
    end = _number(found[2]) if found[2] else start + 8 * int(found[4] or 1)
    if end is None or end < start:
        raise CrashError(f"rd: the end is no address after {start:x}: {rest}")
    if found[3]:
        yield from _texts(start, end if found[2] else start + _LONGEST_TEXT)
        return
    for addr in range(start, end, _BYTES_IN_A_ROW):
        data = lowlevel.dump().read(addr, min(_BYTES_IN_A_ROW, end - addr))
        words = [data[at : at + 8] for at in range(0, len(data), 8)]
        shown = " ".join(f"{int.from_bytes(word, 'little'):016x}" for word in words)
        yield f"{addr:x}:  {shown:33}   {_printable(data)}"


def _texts(start: int, end: int) -> Iterator[str]:
    try:
        data = lowlevel.dump().read(start, end - start)
    except ReadError:
        data = lowlevel.dump().read(start, 0x1000 - (start & 0xFFF))
    for text in re.finditer(rb"[\x20-\x7e]+", data):
        yield f"{start + text.start():x}:  {text[0].decode()}"


def _printable(data: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)


def _number(text: str) -> int | None:
    # Addresses are hexadecimal, with or without 0x.
    try:
        return int(text, 16)
    except ValueError:
        return None


_COMMANDS: dict[str, Callable[[str], Iterable[str]]] = {
    "log": _log,
    "sys": _sys,
    "mod": _mod,
    "sym": _sym,
    "p": _p,
    "struct": _struct,
    "union": _struct,
    "rd": _rd,
}


def _as_crash(name: str, command: Callable[[str], Iterable[str]]) -> Callable[[str], Iterator[str]]:
    def run(rest: str) -> Iterator[str]:
        try:
            yield from command(rest)
        except gdb.error as error:
            raise CrashError(f"{name}: {error}") from None
        except CrashError:
            raise
        except PykdumpError as error:
            raise CrashError(f"{name}: {error}") from None

    return run


def register() -> None:
    """Let scripts run these commands."""
    for name, command in _COMMANDS.items():
        commands.register(name, _as_crash(name, command))
