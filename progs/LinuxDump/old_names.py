# SPDX-License-Identifier: GPL-2.0-or-later
"""Old names of members that newer kernels compute, or keep in another structure.

See pykdump.aliases for those that only moved. Importing this module makes them known.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from LinuxDump import trees
from pykdump import aliases, lowlevel
from pykdump.debugtypes import find_or_none
from pykdump.structs import StructResult

_VMA = "struct vm_area_struct"

_vmas: tuple[lowlevel.Kernel, dict[int, list[int]]] | None = None


def _vmas_of(mm: Any) -> list[int]:
    # Addresses of all mappings of a struct mm_struct, in order; read once a dump.
    global _vmas
    if _vmas is None or _vmas[0] is not lowlevel.kernel():
        _vmas = (lowlevel.kernel(), {})
    known = _vmas[1]
    if int(mm) not in known:
        walk = trees.maple_tree(int(mm) + mm.fieldOffset("mm_mt"))
        entries = [entry[2] for entry in walk.entries]
        known[int(mm)] = [entry for entry in dict.fromkeys(entries) if entry >> 63]
    return known[int(mm)]


# v6.1 763ecb035029 ("mm: remove the vma linked list")
@aliases.function("struct mm_struct", "mmap")
def _first_vma(mm: Any) -> Any:
    found = _vmas_of(mm)
    return StructResult(_VMA, found[0] if found else 0)


@aliases.function(_VMA, "vm_next")
def _next_vma(vma: Any) -> Any:
    return _neighbour(vma, 1)


@aliases.function(_VMA, "vm_prev")
def _previous_vma(vma: Any) -> Any:
    return _neighbour(vma, -1)


def _neighbour(vma: Any, step: int) -> Any:
    found = _vmas_of(vma.vm_mm)
    at = found.index(int(vma)) + step if int(vma) in found else -1
    return StructResult(_VMA, found[at] if 0 <= at < len(found) else 0)


# v6.4 ac3b43283923 ("module: replace module_layout with module_memory")
@aliases.function("struct module", "core_layout")
def _core_layout(module: Any) -> Any:
    kinds = find_or_none("enum mod_mem_type")
    numbers = kinds.enumerators if kinds else {}
    if "MOD_TEXT" not in numbers or not module.hasField("mem"):
        raise KeyError("<struct module> does not have a field <core_layout>")
    pieces = module.mem
    kept = [
        pieces[n] for name, n in numbers.items() if 0 <= n < len(pieces) and "INIT_" not in name
    ]
    text = pieces[numbers["MOD_TEXT"]]
    return SimpleNamespace(
        base=text.base, size=sum(piece.size for piece in kept), text_size=text.size
    )


@aliases.function("struct module", "module_core")
def _module_core(module: Any) -> Any:
    return module.core_layout.base


@aliases.function("struct module", "core_size")
def _core_size(module: Any) -> Any:
    return module.core_layout.size


@aliases.function("struct module", "core_text_size")
def _core_text_size(module: Any) -> Any:
    return module.core_layout.text_size


# v5.17 07f910f9b729 ("mm: Remove slab from struct page"): the same memory is a struct slab.
def _of_slab(name: str) -> aliases.Function:
    def read(page: Any) -> Any:
        if find_or_none("struct slab") is None:
            raise KeyError(f"<struct page> does not have a field <{name}>")
        return getattr(page.castTo("struct slab"), name)

    return read


for _name in ("slab_cache", "freelist", "inuse", "objects", "frozen", "counters"):
    aliases.function("struct page", _name)(_of_slab(_name))


# v5.16 (scsi_cmd_to_rq() in include/scsi/scsi_cmnd.h): a command lies behind its request.
@aliases.function("struct scsi_cmnd", "request")
def _request_of_command(command: Any) -> Any:
    return StructResult("struct request", int(command) - lowlevel.sizeof("struct request"))


# v6.11 3aa63a569c64 ("fs: switch timespec64 fields in inode to discrete integers")
def _inode_time(name: str) -> aliases.Function:
    def read(inode: Any) -> Any:
        return SimpleNamespace(
            tv_sec=getattr(inode, f"{name}_sec"), tv_nsec=getattr(inode, f"{name}_nsec")
        )

    return read


for _name in ("i_atime", "i_mtime", "i_ctime"):
    aliases.function("struct inode", _name)(_inode_time(_name))
