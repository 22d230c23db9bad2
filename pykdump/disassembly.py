# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions as GDB shows them, without the debug info that it reads to name their operands.

GDB disassembles at an address where no symbols are; the names are put in afterwards.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pykdump import lowlevel
from pykdump.errors import PykdumpError

try:
    import gdb
except ImportError:  # plain pytest: tools can be imported, asking needs GDB
    pass

#: Name and offset of an address as GDB gives them, None where only GDB knows.
Names = Callable[[int], str | None]

_ARCHITECTURE = "i386:x86-64"
_MAX_COUNT = 1000
_MAX_BYTES = 1 << 20
_LONGEST = 16  # of an instruction; rounded up
# In user memory, where no symbols of a kernel are. The lower 32 bits stay those of the code.
_NOWHERE = 0x5A5A_0000_0000
_REACH = 1 << 33
_TARGET = re.compile(r"(?:^|(?<=\s))0x([0-9a-f]+)$")
_SETTINGS = {
    "disassembly-flavor": "att",
    "disassembler-options": "",
    "print symbol-filename": False,
    "print max-symbolic-offset": None,
}


def quick(
    start: int, names: Names, end: int | None = None, count: int | None = None
) -> list[tuple[int, str]] | None:
    """Addresses and instructions, up to ``end`` or so many; None where GDB has to show them itself.

    It has to where memory cannot be read, with settings of its own, and for very many.
    """
    if (count or 0) > _MAX_COUNT:
        return None
    size = end - start if end is not None else (count or 1) * _LONGEST
    if not 0 < size <= _MAX_BYTES or not _is_plain():
        return None
    try:
        code = lowlevel.dump().read(start, size + _LONGEST)
    except PykdumpError:
        return None
    delta = (start & ~0xFFFF_FFFF) - _NOWHERE
    found = _disassembled(start - delta, code, None if end is None else end - 1 - delta, count)
    try:
        return [(at + delta, _named(text, delta, names)) for at, text in found or ()] or None
    except ValueError:
        return None


def _is_plain() -> bool:
    if gdb.selected_inferior().architecture().name() != _ARCHITECTURE:
        return False
    return all((gdb.parameter(name) or value) == value for name, value in _SETTINGS.items())


def _disassembled(
    start: int, code: bytes, last: int | None, count: int | None
) -> list[tuple[int, str]] | None:
    try:
        # As an attribute of gdb it is another module until it is imported.
        module: Any = importlib.import_module("gdb.disassembler")
    except ImportError:
        return None
    if getattr(module, "_disassemblers_dict", True):
        return None  # the user has disassemblers
    where: dict[str, Any] = {"count": count} if last is None else {"end_pc": last}
    failures: list[BaseException] = []
    try:
        with _registered(module, _disassembler(module, start, code, failures)):
            found = gdb.selected_inferior().architecture().disassemble(start, **where)
    except gdb.error:
        if failures:
            raise failures[0] from None
        return None
    if failures:
        raise failures[0]
    return [(each["addr"], each["asm"].strip()) for each in found]


@contextmanager
def _registered(module: Any, disassembler: Any) -> Iterator[None]:
    try:
        module.register_disassembler(disassembler, _ARCHITECTURE)
        yield
    finally:
        module.register_disassembler(None, _ARCHITECTURE)


def _disassembler(module: Any, start: int, code: bytes, failures: list[BaseException]) -> Any:
    class Info(module.DisassembleInfo):  # type: ignore[misc]
        def read_memory(self, length: int, offset: int = 0) -> bytes:
            at = self.address + offset - start
            if not 0 <= at <= len(code) - length:
                raise gdb.MemoryError("behind the code")
            return code[at : at + length]

    class Disassembler(module.Disassembler):  # type: ignore[misc]
        def __call__(self, info: Any) -> Any:
            try:
                return module.builtin_disassemble(Info(info))
            except gdb.error:
                raise
            except BaseException as failure:  # Ctrl-C: GDB would print it and go on
                failures.append(failure)
                raise gdb.MemoryError("stopped") from None

    return Disassembler("pykdump")


def _named(text: str, delta: int, names: Names) -> str:
    match = _TARGET.search(text)
    if match is None:
        if "<" in text or "# 0x" in text:
            raise ValueError(text)
        return text
    at = int(match[1], 16)
    if abs(at - _NOWHERE) > _REACH:
        raise ValueError(text)
    addr = (at + delta) % (1 << 64)
    name = names(addr)
    if name is not None:
        return f"{text[:match.start()]}{addr:#x} <{name}>"
    return text[: match.start()] + gdb.execute(f"output/a {addr:#x}", to_string=True)
