# SPDX-License-Identifier: GPL-2.0-or-later
"""The accelerator: everything that touches a dump, in C++.

A test compares this file with the built module.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any, TypeVar, Union, overload

_Struct = TypeVar("_Struct", bound=StructObject)

class Error(Exception):
    """What the accelerator raises; the text is a whole sentence for the user."""

class OpenError(Error):
    """A file that is no dump, or a dump that cannot be opened."""

class CrashError(Error):
    """What scripts of the classic API catch as ``crash.error``."""

class ReadError(CrashError):
    """Memory that is not there."""

class Interrupted(Error):
    """The user pressed Ctrl-C in a long step."""

#: Called in long steps with what is done, how much of it, and of how much. Ctrl-C is noticed there.
Progress = Callable[[str, int, int], None]

def drop_interrupt(*event: object) -> None:
    """Forget a signal that would raise KeyboardInterrupt in the next line of Python."""

class InterruptHandler:
    """A handler of SIGINT that raises KeyboardInterrupt while a function runs."""

    insists: bool  #: raise it again at the very next chance, until the function has ended

    def __init__(self, code: CodeType) -> None:
        """code: the `__code__` of the function."""
    def __call__(self, number: int, frame: FrameType | None) -> None: ...

class ElfInfo:
    """What an ELF file (vmlinux, a module, debuginfo) says of itself."""

    build_id: str  #: hex digits, "" when there is none
    machine: str  #: "x86_64", or "machine 183" for one this build does not know
    has_debuginfo: bool  #: has .debug_info or .gnu_debuglink'less DWARF of its own
    percpu_is_zero_based: bool  #: .data..percpu is linked at address 0 (x86 before 6.15)

    def symbols(self, names: Sequence[str]) -> dict[str, int]:
        """Values of symbols as linked; names that are not there are left out."""
    def read(self, addr: int, size: int) -> bytes:
        """Bytes of an allocated section at a link address; raises Error when they are not there."""

def read_elf(path: str) -> ElfInfo:
    """Look into an ELF file; raises Error with the reason when it is none."""

class Dump:
    """A vmcore, open for reading."""

    paths: list[str]
    format: str  #: "ELF", "kdump (zlib)", "flattened kdump (zstd)", "kdump (lzo), split in 3"
    arch: str  #: "x86_64"
    page_size: int
    warnings: list[str]  #: what is missing or strange, a sentence each
    size_bytes: int  #: of the files
    memory_bytes: int  #: of RAM that the dump describes
    pages_total: int  #: page frames with RAM
    pages_present: int  #: of these, how many the file holds
    pages_cut: int  #: of these, how many lie beyond the end of a cut file
    dump_level: int | None  #: makedumpfile's -d, where the file says it
    truncated: bool
    vmcoreinfo: dict[str, str]
    vmcoreinfo_from: str  #: "note", "memory at 0x1234000", or "" when there is none
    release: str  #: OSRELEASE of vmcoreinfo, else of the dump's header, else ""
    build_id: str  #: BUILD-ID of vmcoreinfo, "" in kernels that do not have it
    crash_time: int | None  #: seconds since 1970, from vmcoreinfo
    kaslr_offset: int  #: valid when `located`
    phys_base: int  #: valid when `located`
    levels: int  #: of the page tables: 4 or 5
    located: bool  #: kernel virtual addresses can be read
    located_by: str  #: "vmcoreinfo", "the linux_banner of vmlinux", ...

    @staticmethod
    def open(paths: Sequence[str], *, progress: Progress | None = None) -> Dump:
        """Open the files of one dump; a flattened one is put together first.

        Looks for VMCOREINFO in memory when the file has no such note. Raises OpenError.
        """
    def locate(self, vmlinux: str, *, progress: Progress | None = None) -> None:
        """Find the kernel in memory by what vmlinux holds, if VMCOREINFO does not say where it is.

        Raises Error when it is not found: the dump is not of this vmlinux.
        """
    def close(self) -> None:
        """Close the files. Reads afterwards raise Error; safe to call twice."""
    def read(self, addr: int, size: int) -> bytes:
        """Kernel virtual memory; raises ReadError naming the first address that cannot be read."""
    def read_physical(self, addr: int, size: int) -> bytes:
        """Physical memory."""
    def read_user(self, pgd: int, addr: int, size: int) -> bytes:
        """Memory of a user process; pgd is its mm_struct.pgd, a kernel virtual address."""
    def translate(self, addr: int, pgd: int = 0) -> int:
        """Physical address of a kernel (or, with pgd, user) virtual one; raises ReadError."""
    def translate_many(self, addrs: Sequence[int]) -> list[int | None]:
        """The same of many kernel addresses; None where there is no page."""
    def why_unreadable(self, addr: int) -> str:
        """Why a kernel virtual address cannot be read, "readable" when it can."""
    def ram_ranges(self) -> list[tuple[int, int]]:
        """First page frame with RAM and the one behind the last, in ascending order."""
    def cpu_notes(self) -> list[bytes]:
        """Descriptors of the NT_PRSTATUS notes, in the order of the file."""
    def has_qemu_notes(self) -> bool:
        """Whether QEMU wrote the dump: cpu_notes()[n] is then CPU n for certain."""
    def stats(self) -> dict[str, int]:
        """Figures of the caches: page_hits, page_misses, pages_cached, cache_bytes,
        cache_limit_bytes, tlb_hits, tlb_misses."""
    def set_cache_limit(self, size_bytes: int) -> None: ...

#: A field: name (for messages), offsets of pointers to follow first, offset, size in bytes, kind.
#: Kinds: "u" unsigned, "s" signed, "?" bool, "b" raw bytes, "c" text of a char array up to its NUL,
#: "z" text that a pointer leads to. Of a bitfield the kind is "u:SHIFT:WIDTH", the shift below 8.
Field = tuple[str, Sequence[int], int, int, str]

#: Many addresses: a sequence, or 64-bit numbers by the buffer protocol, as walks offer them.
Addresses = Union[Sequence[int], array[int], "Walk", "HashWalk"]

class Column:
    """One field of many structs; the buffer protocol gives the values without a copy."""

    faults: list[tuple[int, int]]  #: row without a value, and what is unreadable; 0: NULL pointer

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, row: int) -> int | bool | bytes | None: ...
    @overload
    def __getitem__(self, rows: slice) -> list[Any]: ...
    def tolist(self) -> list[Any]:
        """All values; None where there is none."""

class Layout:
    """Fields of a struct, compiled for bulk reading."""

    def __init__(self, fields: Sequence[Field]) -> None: ...
    def read_many(
        self, dump: Dump, addrs: Addresses, row_type: type | None = None, *, less: int = 0
    ) -> list[Any]:
        """One tuple (of row_type) a struct, None for those that cannot be read; without the GIL.

        less: what to take from each address."""
    def read_columns(self, dump: Dump, addrs: Addresses, *, less: int = 0) -> list[Column]:
        """One column a field."""

class Walk:
    """Nodes of a kernel structure and how the walk ended."""

    nodes: list[int]  #: those that could be read
    end: str  #: "complete", "limit", "cycle", "unreadable", "damaged" or "interrupted"
    stopped_at: int  #: the node that could not be followed or would repeat
    end_marker: int  #: the pointer that ended a whole chain: NULL, a nulls marker, a list's head

class EntryWalk:
    """Entries of a tree with indices, and what was first found broken; the rest is there."""

    entries: list[tuple[int, int, int]]  #: first and last index, and what the tree holds for them
    end: str  #: as for Walk
    stopped_at: int

class HashWalk:
    """Nodes of a hash table, and which buckets are broken."""

    nodes: list[int]  #: bucket after bucket
    buckets: list[int]  #: of each node
    broken: list[tuple[int, int, str, int]]  #: first and last bucket, end, stopped_at
    end: str  #: of the first that is broken, else "complete"
    stopped_at: int

def walk_list(dump: Dump, head: int, *, limit: int = 1_000_000) -> Walk:
    """Nodes of a list_head list, without the head."""

def walk_lists(dump: Dump, heads: Sequence[int], *, limit: int = 1_000_000) -> list[Walk]:
    """The same for many heads in one call; `limit` is for each."""

def walk_chain(
    dump: Dump,
    head: int,
    *,
    next_offset: int = 0,
    head_tag_mask: int = 0,
    end_mask: int = 0,
    end_at: int = 0,
    limit: int = 1_000_000,
) -> Walk:
    """Nodes that each point to the next, from the pointer at `head` to NULL, a bit of end_mask, or
    end_at.

    head_tag_mask: bits of the head's pointer that are no part of it.
    """

def walk_hash_table(
    dump: Dump,
    buckets: int,
    count: int,
    *,
    stride: int = 8,
    head: int = 0,
    next_offset: int = 0,
    head_tag_mask: int = 0,
    end_mask: int = 0,
    limit: int = 1_000_000,
) -> HashWalk:
    """All chains of an array of buckets; `limit` is for the table, `head` an offset in a bucket."""

def walk_rbtree(
    dump: Dump, root: int, *, parent: int, left: int, right: int, limit: int = 1_000_000
) -> Walk:
    """Nodes of a red-black tree in order; offsets of struct rb_node."""

def walk_xarray(
    dump: Dump,
    head: int,
    *,
    shift: int,
    slot: int,
    parent: int,
    slots: int,
    slot_count: int,
    node_tag: int = 2,
    limit: int = 1_000_000,
) -> EntryWalk:
    """Entries below the pointer at `head`; offsets of struct xa_node, and what marks nodes."""

def walk_maple_tree(
    dump: Dump,
    root: int,
    shapes: Sequence[tuple[int, int, int, int, bool]],
    *,
    limit: int = 1_000_000,
) -> EntryWalk:
    """Entries below the pointer at `root`.

    shapes: by enum maple_type, offset and number of pivots, of slots, and whether it is a leaf.
    """

def sum_per_cpu(
    dump: Dump, pointers: Addresses, offsets: Sequence[int], *, size: int, is_signed: bool
) -> list[tuple[int, int]]:
    """Sum of an integer's copies on all CPUs, and how many could be read; 0 for NULL pointers."""

def select_structs(
    dump: Dump, base: int, stride: int, count: int, tests: Sequence[tuple[int, int, int, int]]
) -> tuple[memoryview, int, bool]:
    """Addresses of an array's structs that pass all tests, how many are unreadable, Ctrl-C.

    tests: offset and size of a member, a mask, and what the member is under it."""

def count_values(
    dump: Dump, base: int, stride: int, count: int, *, offset: int, size: int, mask: int
) -> tuple[dict[int, int], int, bool]:
    """Structs of an array by value of a member, how many are unreadable, Ctrl-C."""

def slab_objects(
    dump: Dump,
    bases: Addresses,
    objects: Addresses,
    freelists: Addresses,
    more_lists: Sequence[tuple[int, int]],
    kept: Addresses,
    *,
    size: int,
    first: int,
    next: int,
    secret: int,
    mixes_address: bool,
    mixes_swapped: bool,
    most: int,
) -> tuple[memoryview, memoryview, list[tuple[int, int]], bool]:
    """Allocated objects, free ones, broken lists (slab's index, where), Ctrl-C.

    Columns have a row a slab: address of its memory, number of its objects, first free object.
    more_lists has further free objects with the slab's index. With many slabs on all cores.
    """

def indexed_slab_objects(
    dump: Dump,
    bases: Addresses,
    numbers: Addresses,
    active: Addresses,
    kept: Addresses,
    *,
    size: int,
    offset: int,
    objects: int,
    index_size: int,
) -> tuple[memoryview, memoryview, list[tuple[int, int]], bool]:
    """The same where slabs tell free objects by number, in the array numbers from active on.

    Objects in kept are free, too.
    """

def find_numbers(
    dump: Dump,
    low: int,
    high: int,
    *,
    size: int = 8,
    mask: int = 0xFFFF_FFFF_FFFF_FFFF,
    pages: Sequence[tuple[int, int]] | None = None,
    limit: int = 1_000_000,
    progress: Progress | None = None,
) -> tuple[memoryview, int, bool, bool]:
    """Physical addresses of such numbers, pages looked through, whether cut at limit, Ctrl-C."""

def find_pattern(
    dump: Dump,
    pattern: bytes,
    *,
    pages: Sequence[tuple[int, int]] | None = None,
    limit: int = 1_000_000,
    progress: Progress | None = None,
) -> tuple[memoryview, int, bool, bool]:
    """The same for bytes at any place."""

class SymbolTable:
    """Names of addresses in the kernel and its modules."""

    def __init__(self) -> None: ...
    def add_vmlinux(self, vmlinux: ElfInfo, offset: int) -> None:
        """Symbols of vmlinux, which was loaded offset bytes above its link address."""
    def add_module(
        self, name: str, symtab: bytes, strings: bytes, own: Sequence[tuple[int, int]]
    ) -> None:
        """Symbols of a module from its struct elf64_sym[] and its strings.

        :param own: start and end of each piece of its memory; what lies elsewhere is left out.
        """
    def sort(self) -> None:
        """To be called after the last add."""
    def at(self, addr: int) -> tuple[str, int, str] | None:
        """Name, offset into it, and module ("" for the kernel) of an address."""
    def find(self, name: str) -> int | None:
        """Address of a name."""
    def find_all(self, name: str) -> list[int]:
        """All addresses of a name, ascending."""
    def of_module(self, module: str) -> list[tuple[str, int]]:
        """Names and addresses of all symbols of a module ("": the kernel), by address."""
    def __len__(self) -> int: ...

class SymbolList:
    """All symbols of the kernel and its modules with the letters of nm, by address."""

    def __init__(self) -> None: ...
    def add_vmlinux(self, vmlinux: ElfInfo, offset: int) -> None:
        """Symbols of vmlinux, which was loaded offset bytes above its link address."""
    def add_module(
        self,
        name: str,
        symtab: bytes,
        strings: bytes,
        letters: bytes,
        own: Sequence[tuple[int, int]],
        text: tuple[int, int],
    ) -> None:
        """Symbols of a module from its struct elf64_sym[], its strings and letters, if it has any.

        :param own: start and end of each piece of its memory; what lies elsewhere is left out.
        :param text: start and end of its code.
        """
    def sort(self) -> None:
        """To be called after the last add."""
    def row(self, place: int) -> tuple[int, str, str, str]:
        """Address, letter, name and module ("" for the kernel) of a symbol."""
    def count_up_to(self, addr: int) -> int:
        """How many symbols are at or below an address."""
    def only_function_at(self, addr: int) -> tuple[str, int] | None:
        """The kernel's function that an address is in, and the offset; labels do not count.

        None where its start has several names.
        """
    def named(self, name: str) -> list[int]:
        """Places of the symbols with this name."""
    def containing(self, text: str) -> list[int]:
        """Places of the symbols with this in their names."""
    def lines(self, module: str) -> str:
        """A line for each symbol of a module ("": the kernel): address, letter, name."""
    def __len__(self) -> int: ...

class SourceLines:
    """Where code comes from, by the DWARF of a linked file; all addresses are as linked."""

    def __init__(self, path: str) -> None:
        """Raises PykdumpError when the file has no DWARF."""
    def line_at(self, addr: int) -> tuple[str, int] | None:
        """File and line of an instruction; of code that was inlined there, of the innermost."""
    def frames_at(self, addr: int) -> list[tuple[str, str, int]]:
        """Function, file and line: of functions that were inlined there, the innermost first, and
        last of the one that the instruction belongs to."""

#: Address, stack pointer, kind ("top", "call", "regs", "user"), struct pt_regs * or 0, function or
#: None, offset into it, module, the function's size, whether struct pt_regs is whole, whether the
#: frame is certain, whether the address is of an instruction to run and not one to return to.
StackFrame = tuple[int, int, str, int, str | None, int, str, int, bool, bool, bool]

class Reader:
    """Reads values of one C type; called with their address."""

    def __init__(
        self,
        kind: str,
        *,
        size: int = 0,
        is_signed: bool = False,
        bits: tuple[int, int] = (0, 0),
        count: int = 0,
        stride: int = 0,
        make: Callable[..., Any] | None = None,
        element: Reader | None = None,
    ) -> None:
        """kind: "int" and "bool" (size bytes, of a bitfield those that it touches, and in bits its
        shift and width), "pointer", "struct" and "struct*" (of class make), "text" (count bytes)
        and "text*", "array" (count times element, stride bytes apart), "place" (make(addr)). Of
        ints and pointers make makes values; of text too, from bytes, address, and the pointer's."""
    def __call__(self, addr: int) -> Any:
        """NULL is an IndexError for all but ints and structs; unreadable memory a ReadError."""

class Member:
    """A member of a struct: where it lies, and how it is read."""

    def __init__(self, reader: Reader, offset: int, hops: Sequence[int] = ()) -> None:
        """hops: offsets of pointers to follow first."""
    def read(self, addr: int, type: type | None = None, name: str = "") -> Any:
        """The member of the struct at an address; errors say that it is this one of this type."""

class TextObject(str):
    """Text from memory, with its bytes and its address."""

    ByteArray: bytes  #: all bytes that were read
    addr: int | None  #: where the text lies
    ptr: int | None  #: where the pointer to it lies; None for arrays

class StructObject(int):
    """An address whose attributes are the members of a struct.

    Classes have _resolve(name), asked once a member: a Member, a callable that takes the object, or
    None for what is an ordinary attribute; and _unknown(name), the exception for what is nothing.
    """

def forget_members() -> None:
    """Ask _resolve again."""

def use_memory(dump: Dump | None) -> None:
    """The dump that Reader, Member and StructObject read from now on."""

def use_address_space(pgd: int) -> None:
    """They read user addresses in the address space of this mm_struct.pgd; 0: as the kernel's."""

def read_memory(addr: int, size: int) -> bytes:
    """Bytes as they see them; raises ReadError."""

def structs_of_walk(type: type[_Struct], walk: Walk, offset: int) -> list[_Struct]:
    """Objects of this class, offset bytes below the nodes of a walk."""

def structs_in_array(type: type[_Struct], addr: int, count: int, stride: int) -> list[_Struct]:
    """Objects of this class, stride bytes apart."""

class Unwinder:
    """Stacks by the ORC tables in the dump."""

    def __init__(self, fork_return: int) -> None:
        """fork_return: ret_from_fork_asm, where a task that never ran will begin."""
    def add(
        self, dump: Dump, name: str, ips: int, entries: int, count: int, text: int, text_end: int
    ) -> str:
        """Read the table of the kernel (name "") or a module; returns what is wrong with it."""
    def saved_registers_at(self, addr: int) -> int | None:
        """How far above sp struct pt_regs lies while code at addr runs; None: it has none there."""
    def stacks(
        self, dump: Dump, starts: Sequence[tuple[int, bytes]], symbols: SymbolTable
    ) -> list[tuple[list[StackFrame], bool, str]]:
        """Frames, whether they are all, and why not. starts: thread.sp of a task that sleeps, or 0
        and the NT_PRSTATUS note of one that ran."""
    def stacks_by_shape(
        self, dump: Dump, starts: Sequence[tuple[int, bytes]], symbols: SymbolTable
    ) -> tuple[list[tuple[list[StackFrame], bool, str]], list[tuple[int, list[int], int]]]:
        """Shapes of stacks, each as the first stack that has it; and of each stack the number of
        its shape, where its frames lie, and the last one's registers. Stacks of a shape have the
        same frames elsewhere."""
    def cfi_file(
        self,
        name: str,
        symbols: SymbolTable | None = None,
        memory: Sequence[tuple[int, int]] = (),
        vmlinux: str = "",
        offset: int = 0,
    ) -> bytes:
        """A table as an ELF file with DWARF CFI, less what vmlinux covers; for add-symbol-file.

        Raises Error when there is no table of this name, unless there are symbols.

        :param symbols: those in the memory are in the file, too.
        :param memory: start and end of each piece that has names, the code first.
        """

def format_rows(columns: Sequence[tuple[Any, str, int, Mapping[int, str]]]) -> str:
    """Lines of a table, as many as the shortest column has rows, with blanks between cells.

    :param columns: of each an array of numbers, how they are shown (x, d, or s: by name), the width
        to which blanks fill them up, and the names.
    """

def words_texts(
    dump: Dump,
    ranges: Sequence[tuple[int, int]],
    symbols: SymbolTable | None = None,
    caches: Mapping[int, str] = ...,
    with_address: bool = False,
) -> tuple[list[str | None], bool]:
    """Words of memory from start to end of each range, two a line, each line
    after a newline: ADDRESS: WORD WORD; None where memory cannot be read. And whether Ctrl-C was
    pressed: then there are fewer.

    :param symbols: for names in place of words that lead into the kernel's image.
    :param caches: names of slab caches by the address of a page: [CACHE] in place of other words.
    :param with_address: [ADDRESS:CACHE] in place of these.
    """

def fill_texts(
    dump: Dump,
    templates: Sequence[str],
    rows: Sequence[tuple[int | str, ...]],
    symbols: SymbolTable | None = None,
    caches: Mapping[int, str] = ...,
    with_address: bool = False,
    code: Sequence[tuple[int, int]] = ...,
    offsets: str = "",
) -> tuple[list[tuple[int, str | None]], bool]:
    """Texts made of templates: in these NUL and x or 016x stand for a number, NUL and s for a text,
    NUL and w for the words of memory as words_texts() shows them, r for these without an indent,
    n for those from behind the number before up to the end of the next one, t for a line of each
    word that is an address of code, o for such lines with numbers of those that a call may return
    to, offsets as d or x, 016mOFFSET.SIZE; for a member of the struct whose address is the row's
    last number. And whether Ctrl-C was pressed.

    Each is the text of rows that follow each other, with an empty line between two, behind the
    number of the last of them; None is for a row without a template and one that cannot be read.

    :param rows: the template's place among all, then what comes in its places: of w, r, t and o the
        start and the end; an empty one has no template.
    """

def word_pages(dump: Dump, ranges: Sequence[tuple[int, int]]) -> tuple[list[int], bool]:
    """Addresses of the pages that words of these ranges lead to, and that may be of the direct map;
    and whether Ctrl-C was pressed.
    """

def registers_of_note(arch: str, prstatus: bytes) -> dict[str, int]:
    """Registers of an NT_PRSTATUS descriptor by name; {} when it is too short."""

class Thread:
    """A task as GDB shall see it."""

    def __init__(
        self,
        tid: int,
        cpu: int,
        name: bytes,
        extra: str,
        *,
        thread_sp: int = 0,
        prstatus: bytes = b"",
        pgd: int = 0,
    ) -> None:
        """thread_sp: task_struct.thread.sp of a task that sleeps; prstatus: the note of the CPU of
        one that runs; neither: registers are unavailable. pgd: mm_struct.pgd, 0: kernel thread."""

IDLE_TID: int  #: tid of the idle task of CPU 0; CPU n has IDLE_TID + n

class TargetServer:
    """The server that `target remote` connects to; see accel/target."""

    def __init__(self, dump: Dump) -> None: ...
    def add_threads(self, threads: Sequence[Thread]) -> int:
        """Threads with a tid that is there already are left out; returns how many came in."""
    def has_thread(self, tid: int) -> bool: ...
    def thread_count(self) -> int: ...
    def select(self, tid: int) -> None:
        """The thread in which GDB stops first."""
    def start(self, directory: str) -> str:
        """Listen on a private socket below directory; returns its path."""
    def stop(self) -> None: ...
    def connected(self) -> bool: ...
    def stats(self) -> dict[str, int]:
        """packets, memory_packets, bytes_read, failed_reads."""
