# SPDX-License-Identifier: GPL-2.0-or-later
"""What an address is: whose memory it lies in, and where in that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional

from LinuxDump import BTstack, Slab, modules, pages, percpu, task_records, vmalloc
from pykdump import compat, lowlevel
from pykdump.bulk import ram_ranges
from pykdump.errors import Interrupted, PykdumpError
from pykdump.layout import CString, Layout
from pykdump.printing import printable

# No name of a tuple may begin with an underscore.
compat.member("struct page", "Refcount", "_refcount.counter")
_PAGE = Layout("struct page", "Flags", "mapping", "Index", "Refcount")
_INODE = Layout("struct address_space", "host.i_ino", CString("host.i_sb.s_type.name"))
_U64 = 0xFFFF_FFFF_FFFF_FFFF
# include/linux/page-flags.h: the low bits of page.mapping
_MAPPING_ANON, _MAPPING_KINDS = 1, 3
_SOME_CPUS = 4


@dataclass(frozen=True)
class Place:
    """What is known of an address."""

    addr: int
    kind: str  #: "slab", "anon", "file", "free", "stack", "module", "kernel", "per-CPU" ...
    text: str  #: the same for people, with names and offsets
    details: dict[str, Any] = field(default_factory=dict)


def address(text: str) -> int:
    """A number as people write it (hex, with or without 0x), or a symbol's, of modules too, or one
    and an offset as in ``kfree+0x10/0x2a0``; raises PykdumpError."""
    text = text.removeprefix("&")
    base, plus, offset = text.partition("+")
    if plus:
        try:
            return (address(base) + int(offset.partition("/")[0], 16)) & _U64
        except ValueError:
            raise PykdumpError(f"{text} is no address: write the offset in hex") from None
    if percpu.is_percpu_symbol(text):
        own = " ".join(f"{addr:#x}" for addr in percpu.per_cpu_array(text)[:_SOME_CPUS])
        raise PykdumpError(f"{text} is a per-CPU variable; the first CPUs have theirs at {own}")
    found = lowlevel.find_symbol(text)
    if found is not None:
        return found
    try:
        number = int(text, 16)
    except ValueError:
        modules.add_to_tables()
        place = BTstack.tables().symbols.find(text)
        if place is not None:
            return place
        raise PykdumpError(f"{text} is no address and no symbol of the kernel") from None
    if number < 0:
        raise PykdumpError(f"{text} is no address: it is negative")
    if number >> 64:
        raise PykdumpError(f"{text} has more than 64 bits")
    return number


def what_is(addr: int) -> Place:
    """What an address of the kernel's half is; what cannot be found out is said in `text`."""
    addr = int(addr)
    half = 47 if lowlevel.dump().levels < 5 else 56
    if addr >> half not in (0, _U64 >> half):
        return Place(addr, "unknown", lowlevel.why_unreadable(addr))
    if not addr >> 63:
        return Place(addr, "user", "user-space address: means something in one process only")
    for find in _FINDERS:
        try:
            found = find(addr)
        except Interrupted:
            raise
        except PykdumpError as error:
            return Place(addr, "unknown", f"not to be found out: {error}")
        if found is not None:
            return found
    why = lowlevel.why_unreadable(addr)
    return Place(addr, "unknown", "mapped, but not by anything known" if why == "readable" else why)


def address_of(phys: int) -> int:
    """By which address the kernel uses a physical one: of its image, of vmalloc, else direct."""
    start, end = lowlevel.symbol_address("_text"), lowlevel.symbol_address("_end")
    in_image = phys - lowlevel.dump().translate(start) + start
    if start <= in_image < end:
        return in_image
    page = _mapped_frames().get(phys // pages.PAGE_SIZE)
    return pages.page_offset() + phys if page is None else page + phys % pages.PAGE_SIZE


_frames: Optional[tuple[lowlevel.Kernel, dict[int, int]]] = None
_MAX_FRAMES = 1 << 18


def _mapped_frames() -> dict[int, int]:
    # Page frames that vmalloc gave out (stacks, modules, tables), with their address there.
    global _frames
    if _frames is None or _frames[0] is not lowlevel.kernel():
        found: dict[int, int] = {}
        size = pages.PAGE_SIZE
        for area in vmalloc.areas() if vmalloc.has_areas() else ():
            last = area.addr + min(area.nr_pages, _MAX_FRAMES) * size
            addrs = range(area.addr, last, size)
            for at, phys in zip(addrs, lowlevel.dump().translate_many(addrs)):
                if phys is not None:
                    found.setdefault(phys // size, at)
            if len(found) >= _MAX_FRAMES:
                break
        _frames = (lowlevel.kernel(), found)
    return _frames[1]


def symbol_text(addr: int) -> str:
    """``name+0x10 [module]`` of an address in the kernel or a module, else the number."""
    modules.add_to_tables()
    found = BTstack.tables().symbols.at(addr)
    if found is None:
        return f"{addr:#x}"
    name, offset, module = found
    return f"{name}{f'+{offset:#x}' if offset else ''}{f' [{module}]' if module else ''}"


# --- what lies where the kernel was linked or loaded


def _image(addr: int) -> Place | None:
    start, end = lowlevel.find_symbol("_text"), lowlevel.find_symbol("_end")
    if start is None or end is None or not start <= addr < end:
        return None
    text = symbol_text(addr)
    return Place(addr, "kernel", f"kernel image: {text}", {"symbol": text})


def _module(addr: int) -> Place | None:
    module = modules.module_at(addr)
    if module is None:
        return None
    text = symbol_text(addr)
    part = "text" if module.runs(addr) else "data"
    details = {"module": module.name, "symbol": text, "module_addr": module.addr}
    return Place(addr, "module", f"module {module.name} ({part}): {text}", details)


def _per_cpu(addr: int) -> Place | None:
    start, end = lowlevel.link_address("__per_cpu_start"), lowlevel.link_address("__per_cpu_end")
    if start is None or end is None:
        return None
    unit = _unit_size()
    for cpu, offset in enumerate(percpu.per_cpu_offsets()):
        moved = 0 if lowlevel.kernel().elf.percpu_is_zero_based else lowlevel.kernel().offset
        at = (addr - offset - moved) & _U64
        if start <= at < start + max(unit, end - start):
            symbol = lowlevel.per_cpu_symbol(at) if at < end else ""
            part = symbol or ("static" if at < end else "module or dynamic")
            text = f"per-CPU area of CPU {cpu} ({part}), pointer {at + moved:#x}"
            details = {"cpu": cpu, "percpu_addr": at + moved, "symbol": symbol}
            return Place(addr, "per-CPU", text, details)
    return None


def _unit_size() -> int:
    where = lowlevel.find_symbol("pcpu_unit_size")
    return 0 if where is None else min(lowlevel.read_uint(where, 4), 1 << 26)


# --- what was mapped or given out


def _stack(addr: int) -> Place | None:
    size, found = _stacks()
    task = found.get(addr & -size)
    if task is None:
        return None
    comm = task.comm.decode("utf-8", "backslashreplace")
    text = f"stack of task {task.addr:#x} (pid {task.pid}, {printable(comm)}), offset "
    text += f"{addr & size - 1:#x}"
    return Place(addr, "stack", text, {"task_addr": task.addr, "pid": task.pid, "comm": comm})


_stack_table: Optional[tuple[lowlevel.Kernel, int, dict[int, task_records.Task]]] = None


def _stacks() -> tuple[int, dict[int, task_records.Task]]:
    # THREAD_SIZE, to which stacks are aligned, and the tasks by address of their stack.
    global _stack_table
    if _stack_table is None or _stack_table[0] is not lowlevel.kernel():
        union = "union thread_union"
        size = lowlevel.sizeof(union) if compat.has(union) else 4 * pages.PAGE_SIZE
        tasks = task_records.task_table().tasks
        rows = Layout("struct task_struct", "stack").read_many([task.addr for task in tasks])
        table = {row.stack: task for row, task in zip(rows, tasks) if row is not None and row.stack}
        _stack_table = (lowlevel.kernel(), size, table)
    return _stack_table[1:]


def _vmalloc(addr: int) -> Place | None:
    area = vmalloc.area_at(addr) if vmalloc.has_areas() else None
    if area is None:
        return None
    caller = symbol_text(area.caller_addr) if area.caller_addr else "?"
    if caller.startswith("pcpu_get_vm_areas"):
        text = f"per-CPU memory given out later, in the chunk at {area.addr:#x}"
        return Place(addr, "per-CPU", text, {"area_addr": area.addr})
    kind = area.kind or "vm_map_ram or per-CPU"
    text = (
        f"{kind} area {area.addr:#x}-{area.end_addr:#x} of {caller}, offset {addr - area.addr:#x}"
    )
    details = {"area_addr": area.addr, "end_addr": area.end_addr, "caller": caller}
    return Place(addr, "vmalloc", text, details)


def _struct_page(addr: int) -> Place | None:
    base, size = pages.vmemmap(), lowlevel.sizeof("struct page")
    pfn = (addr - base) // size
    last = max(end for _, end in ram_ranges())
    if not 0 <= pfn < last:
        return None
    at = (addr - base) % size
    text = f"struct page of page frame {pfn:#x} (physical {pfn << 12:#x}), offset {at:#x}"
    return Place(addr, "struct page", text, {"pfn": pfn})


# --- the direct map


def _direct_map(addr: int) -> Place | None:
    pfn = (addr - pages.page_offset()) // pages.PAGE_SIZE
    if not 0 <= pfn < max(end for _, end in ram_ranges()):
        return None
    if not pages.is_ram(pfn):
        return Place(addr, "no RAM", f"direct map of page frame {pfn:#x}, where there is no RAM")
    page = pages.page_of(pfn)
    owner = Slab.owner_of(addr, page)
    return _of_slab(addr, owner) if owner is not None else _of_page(addr, pfn, page)


def _of_slab(addr: int, owner: Slab.Owner) -> Place:
    state = "allocated" if owner.is_allocated else "free"
    if owner.object_addr:
        what = f"{state} object {owner.object_addr:#x}, offset {owner.offset:#x}"
    else:
        what = "between its objects"
    details = {
        "cache": owner.cache.name,
        "cache_addr": owner.cache.addr,
        "object_addr": owner.object_addr,
        "offset": owner.offset,
        "is_allocated": owner.is_allocated,
    }
    return Place(addr, "slab", f"slab cache {owner.cache.name}: {what}", details)


def _of_page(addr: int, pfn: int, page: int) -> Place:
    head = pages.head_of(page)
    row = _PAGE.read(head)
    if row is None:
        return Place(addr, "unknown", f"page frame {pfn:#x}: {lowlevel.why_unreadable(head)}")
    details: dict[str, Any] = {"pfn": pfn, "page_addr": page, "refcount": row.Refcount}
    details["flags"] = pages.flag_names(row.Flags)
    kind, text = _page_kind(head, pages.pfn_of(head), pfn, row, details)
    shown = " ".join(details["flags"]) or "no flags"
    return Place(
        addr, kind, f"{text}; page frame {pfn:#x}, struct page {page:#x} ({shown})", details
    )


def _page_kind(
    head: int, head_pfn: int, pfn: int, row: Any, details: dict[str, Any]
) -> tuple[str, str]:
    if pages.is_of_type(head, "table"):
        return "page table", "page table"
    if pages.free_order_of(pfn) is not None:
        return "free", "free page"
    mapping, index = row.mapping & ~_MAPPING_KINDS, row.Index + pfn - head_pfn
    if row.mapping & _MAPPING_ANON and mapping >> 63:
        details |= {"anon_vma_addr": mapping, "index": index}
        return "anon", f"anonymous page of anon_vma {mapping:#x}, index {index:#x}"
    if mapping >> 63 and not row.mapping & _MAPPING_KINDS:
        inode = _INODE.read(mapping)
        if inode is not None and inode.host_i_ino is not None:
            name = (inode.host_i_sb_s_type_name or b"?").decode("ascii", "backslashreplace")
            details |= {"mapping_addr": mapping, "inode": inode.host_i_ino, "index": index}
            details["filesystem"] = name
            return "file", f"page {index:#x} of inode {inode.host_i_ino} ({name})"
    if "reserved" in details["flags"]:
        return "reserved", "reserved page"
    return "page", "page of no known owner"


_FINDERS: tuple[Callable[[int], Place | None], ...] = (
    *(_image, _module, _per_cpu, _stack, _struct_page, _direct_map, _vmalloc),
)
