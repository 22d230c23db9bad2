# SPDX-License-Identifier: GPL-2.0-or-later
"""What only GDB knows of code and frames: source lines, inlined functions, arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pykdump import lowlevel
from pykdump.errors import PykdumpError

try:
    import gdb

    from pykdump._accel import IDLE_TID, SourceLines
except ImportError:  # plain pytest: tools can be imported, asking needs GDB
    pass

_TEXT_MAX = 200


class Place(NamedTuple):
    """A line of a source file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}: {self.line}"


class SourceLine(NamedTuple):
    """Where code comes from."""

    function: str  #: which may be inlined
    file: str
    line: int


class Argument(NamedTuple):
    """An argument of a function that is on a stack."""

    name: str
    value: str  #: as GDB prints it, "<optimized out>" where it is not kept


class FrameDetails(NamedTuple):
    """What GDB knows of a frame."""

    source: tuple[SourceLine, ...]  #: of inlined functions first, the innermost first
    arguments: tuple[Argument, ...]


def tid(pid: int, idle_cpu: int | None) -> int:
    """How GDB numbers a task; idle tasks all have pid 0."""
    return pid if idle_cpu is None else IDLE_TID + idle_cpu


def selected_tid() -> int | None:
    """The tid of GDB's selected thread; None without one."""
    thread = gdb.selected_thread()
    return None if thread is None else int(thread.ptid[1])


def select_tid(thread: int) -> bool:
    """Make a task GDB's selected thread; False when it is none of GDB's.

    :param thread: its tid.
    """
    found = _thread(thread)
    if found is not None:
        found.switch()
    return found is not None


def _thread(tid: int) -> gdb.InferiorThread | None:
    threads = gdb.selected_inferior().threads()
    return next((found for found in threads if found.ptid[1] == tid), None)


# Of vmlinux we read it ourselves: GDB would read all that the file of a function declares.
_lines: tuple[lowlevel.Kernel, SourceLines | None] | None = None


def source_line(addr: int) -> Place | None:
    """Where an instruction comes from; None where the loaded debug info does not have it.

    Of code that was inlined there, the innermost line.
    """
    lines, linked = _linked(addr)
    found = lines.line_at(linked) if lines else None
    return _line_of_gdb(addr) if found is None else Place(*found)


def source_lines(addr: int) -> list[SourceLine]:
    """The same of all functions that were inlined there, the innermost first, and last of the one
    that the instruction belongs to; empty where the loaded debug info does not have it."""
    lines, linked = _linked(addr)
    found = lines.frames_at(linked) if lines else []
    return [SourceLine(*each) for each in found] or list(_lines_of_gdb(addr))


def _linked(addr: int) -> tuple[SourceLines | None, int]:
    # Who knows the kernel's lines, and the address there; None for other code.
    global _lines
    kernel = lowlevel.kernel()
    if _lines is None or _lines[0] is not kernel:
        try:
            _lines = kernel, SourceLines(_debug_file(kernel))
        except PykdumpError:
            _lines = kernel, None
    linked = (addr - kernel.offset) & 0xFFFF_FFFF_FFFF_FFFF
    start, end = (lowlevel.link_address(name) or 0 for name in ("_stext", "_end"))
    return (_lines[1] if start <= linked < end else None), linked


def _debug_file(kernel: lowlevel.Kernel) -> str:
    if not kernel.elf.has_debuginfo:
        for each in gdb.objfiles():
            if each.owner is not None and each.owner.username == kernel.vmlinux:
                return str(each.filename)
    return kernel.vmlinux


def _line_of_gdb(addr: int) -> Place | None:
    found = gdb.find_pc_line(addr)
    return Place(found.symtab.filename, found.line) if found.symtab and found.line else None


def _lines_of_gdb(addr: int) -> Iterator[SourceLine]:
    place = _line_of_gdb(addr)
    block = gdb.block_for_pc(addr)
    if block is None and place is not None:
        yield SourceLine("", *place)
    while block is not None and not block.is_static and not block.is_global:
        function = block.function
        if function is not None:
            if place is not None:
                yield SourceLine(str(function), *place)
            # Of an inlined one this is where it was called.
            place = Place(function.symtab.filename, function.line) if function.line else None
        block = block.superblock


def details(thread: int) -> dict[tuple[int, int], FrameDetails]:
    """What GDB knows of the frames of a thread, by pc and stack pointer.

    Empty for a task that is no thread of GDB; the selected thread and frame stay as they are.

    :param thread: its tid.
    """
    found = _thread(thread)
    if found is None:
        return {}
    with _selection_kept():
        found.switch()
        try:
            return dict(_details())
        except gdb.error:  # a dead task has no registers
            return {}


def _details() -> Iterator[tuple[tuple[int, int], FrameDetails]]:
    inlined: list[SourceLine] = []
    for frame in _frames():
        line = _line(frame)
        if frame.type() == gdb.INLINE_FRAME:
            inlined += line
            continue
        sp = int(frame.read_register("rsp")) & 0xFFFF_FFFF_FFFF_FFFF
        yield (int(frame.pc()), sp), FrameDetails((*inlined, *line), tuple(_arguments(frame)))
        inlined = []


def _frames() -> Iterator[gdb.Frame]:
    frame: gdb.Frame | None = gdb.newest_frame()
    while frame is not None:
        yield frame
        try:
            frame = frame.older()
        except gdb.error:  # the user boundary
            return


def _line(frame: gdb.Frame) -> list[SourceLine]:
    place = frame.find_sal()
    if place.symtab is None or not place.line:
        return []
    return [SourceLine(frame.name() or "", place.symtab.filename, place.line)]


def _arguments(frame: gdb.Frame) -> Iterator[Argument]:
    try:
        block: gdb.Block | None = frame.block()
    except RuntimeError:
        return  # no debug info there
    while block is not None and block.function is None:
        block = block.superblock
    for symbol in block or ():
        if symbol.is_argument:
            yield Argument(symbol.name, _text(frame, symbol))


def _text(frame: gdb.Frame, symbol: gdb.Symbol) -> str:
    try:
        text = frame.read_var(symbol).format_string(max_elements=16, symbols=False)
    except (gdb.error, RuntimeError) as error:
        return f"<{error}>"
    text = " ".join(text.split())
    return text if len(text) <= _TEXT_MAX else text[:_TEXT_MAX] + "..."


class _selection_kept:
    # Gives back the thread and frame that the user had selected.
    def __enter__(self) -> None:
        self._thread, self._frame = gdb.selected_thread(), gdb.selected_frame()

    def __exit__(self, *_: object) -> None:
        if self._thread is not None and self._thread.is_valid():
            self._thread.switch()
            if self._frame.is_valid():
                self._frame.select()
