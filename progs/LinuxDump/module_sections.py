# SPDX-License-Identifier: GPL-2.0-or-later
"""Sections of loaded modules, and what follows from them (kernel/module/sysfs.c).

The kernel keeps the address of every section it loaded, those of init included, whose memory it has
freed since and given to others.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from LinuxDump import percpu
from LinuxDump.modules import Module, modules
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError, ReadError, SymbolMissingError
from pykdump.files import Section
from pykdump.layout import Layout

# v6.13 906c508afdca ("sysfs: attribute_group: allow registration of const bin_attribute"); later
# kernels have const ones under the old name.
compat.member("struct attribute_group", "BinAttrs", "bin_attrs_new", "bin_attrs")
# v5.8 ed66f991bb19 ("module: Refactor section attr into bin attribute")
compat.member("struct module_sect_attr", "Name", "battr.attr.name", "name")

_MODULE = Layout("struct module", "sect_attrs")
_PERCPU = Layout("struct module", "percpu", "percpu_size")
_SECTION = Layout("struct module_sect_attr", "Name", "address")
_ATTRIBUTE = Layout("struct bin_attribute", "attr.name", "private")
_GROUP = Layout("struct attribute_group", "BinAttrs")

_MAX_SECTIONS = 10_000
_MAX_NAME = 512
_PAGE = 4096
_PERCPU_SECTION = ".data..percpu"
_BUILD_ID_SECTION = ".note.gnu.build-id"
_NT_GNU_BUILD_ID = 3
_U32 = 0xFFFF_FFFF

# No canonical address of x86-64, so no memory is there: for sections that are gone.
_NOWHERE = 0xDEAD_0000_0000_0000


def sections(module: Module) -> list[tuple[str, int]]:
    """Name and address of each section that the kernel loaded, per-CPU ones not among them.

    A name may be there several times. Raises PykdumpError when the list is damaged or not there.
    """
    row = _MODULE.read(module.addr) if compat.has("struct module.sect_attrs") else None
    if row is None or not row.sect_attrs:
        raise PykdumpError(
            f"sections of module {module.name} are not known: struct module {module.addr:#x} has "
            "no sect_attrs; the kernel was built without CONFIG_SYSFS, or the dump is damaged"
        )
    try:
        return [(_text(name), addr) for name, addr in _entries(row.sect_attrs)]
    except ReadError as error:
        raise PykdumpError(f"sections of module {module.name} cannot be read: {error}") from None


def _entries(attrs: int) -> Iterator[tuple[int, int]]:
    # char * and address of each; attrs is struct module_sect_attrs *.
    # v6.14 4b2c11e4aaf7 ("module: sysfs: Drop member 'module_sect_attrs::nsections'")
    if not compat.has("struct module_sect_attrs.nsections"):
        rows = _ATTRIBUTE.read_many(list(_pointers(attrs)))
    else:
        count = lowlevel.member("struct module_sect_attrs", "nsections")
        total = lowlevel.read_uint(attrs + count.offset, 4)
        if not 0 < total <= _MAX_SECTIONS:
            raise ReadError(f"struct module_sect_attrs {attrs:#x} counts {total} sections")
        first = attrs + lowlevel.member("struct module_sect_attrs", "attrs").offset
        stride = lowlevel.sizeof("struct module_sect_attr")
        rows = _SECTION.read_many([first + i * stride for i in range(total)])
    if None in rows:
        raise ReadError(f"struct module_sect_attrs {attrs:#x} is damaged or not in the dump")
    yield from rows


def _pointers(attrs: int) -> Iterator[int]:
    group = attrs + lowlevel.member("struct module_sect_attrs", "grp").offset
    row = _GROUP.read(group)
    if row is None:
        raise ReadError(f"struct attribute_group {group:#x} is not in the dump")
    for i in range(_MAX_SECTIONS):
        pointer = lowlevel.read_pointer(row.BinAttrs + 8 * i)
        if not pointer:
            return
        yield pointer
    raise ReadError(f"struct attribute_group {group:#x} has no end")


def _text(addr: int) -> str:
    # A string whose length is not known, not read beyond the page that it ends in.
    text = b""
    while b"\0" not in text:
        if len(text) > _MAX_NAME:
            raise ReadError(f"name of a section at {addr:#x} has no end")
        at = addr + len(text)
        text += lowlevel.dump().read(at, min(64, _PAGE - at % _PAGE))
    return text[: text.index(b"\0")].decode("utf-8", "backslashreplace")


def build_id(module: Module) -> str:
    """The module's build-id in hex digits, "" when it has none or its note is not in the dump."""
    addr = dict(sections(module)).get(_BUILD_ID_SECTION)
    if addr is None or not module.holds(addr):
        return ""
    try:
        name_size, size, kind = struct.unpack("<III", lowlevel.dump().read(addr, 12))
        if kind != _NT_GNU_BUILD_ID or name_size != len(b"GNU\0") or size > 64:
            return ""
        return lowlevel.dump().read(addr + 12 + name_size, size).hex()
    except ReadError:
        return ""


def placed(module: Module, file_sections: Sequence[Section]) -> list[tuple[str, int]]:
    """Where each loaded section of the module's file is, or was never or no more, in file order.

    One that is in memory no more gets an address where nothing is. The per-CPU one gets that from
    which CPU n's copy is ``per_cpu_offsets()[n]`` away. Raises PykdumpError as `sections`.
    """
    known: dict[str, list[int]] = {}
    for name, addr in sections(module):
        if module.state == "coming" or module.holds(addr):
            known.setdefault(name, []).append(addr)
    start, size = _percpu_area(module)
    if size:
        known[_PERCPU_SECTION] = [start]
    nowhere = _NOWHERE + ((module.text.addr & _U32) << 8)
    found = []
    for section in file_sections:
        if section.is_loaded:
            addrs = known.get(section.name)
            found.append((section.name, addrs.pop(0) if addrs else nowhere))
            nowhere += (section.size_bytes + 2 * _PAGE - 1) // _PAGE * _PAGE
    return found


def _percpu_area(module: Module) -> tuple[int, int]:
    row = _PERCPU.read(module.addr) if compat.has("struct module.percpu") else None
    return (row.percpu, row.percpu_size) if row else (0, 0)


def per_cpu(variable: str, cpu: int) -> int | None:
    """Address of a CPU's copy of a module's per-CPU variable; None when there is none of the name.

    The module's debug info must be loaded. Raises SymbolMissingError when there is no such CPU.
    """
    addr = lowlevel.variable_address(variable)
    areas = [_percpu_area(module) for module in modules()] if addr is not None else []
    if addr is None or not any(start <= addr < start + size for start, size in areas):
        return None
    if not 0 <= cpu < len(percpu.per_cpu_offsets()):
        raise SymbolMissingError(
            f"per-CPU variable {variable} of CPU {cpu} cannot be found: the dump has "
            f"{len(percpu.per_cpu_offsets())} CPUs"
        )
    return percpu.per_cpu_ptr(addr, cpu)
