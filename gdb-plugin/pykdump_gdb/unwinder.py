# SPDX-License-Identifier: GPL-2.0-or-later
"""Ends GDB's backtraces where the kernel was entered, and names the frames of entry code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gdb
from gdb.FrameDecorator import FrameDecorator
from gdb.unwinder import Unwinder, register_unwinder

from LinuxDump import BTstack
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump_gdb import module_autoload

# struct pt_regs of x86-64: cs is the 18th word of 21.
_CS = 17 * 8
_USER_MODE = 3


class _FrameId:
    def __init__(self, sp: gdb.Value, pc: gdb.Value) -> None:
        self.sp = sp
        self.pc = pc


class EntryFromUserMode(Unwinder):
    """Claims the frame through which user mode entered the kernel; there is none above it.

    CFI cannot say that: the same entry code serves interrupts of the kernel and of user mode.
    """

    def __init__(self) -> None:
        super().__init__("pykdump-user-boundary")

    def __call__(self, pending_frame: gdb.PendingFrame) -> gdb.UnwindInfo | None:
        if not lowlevel.is_open():
            return None
        try:
            pc, sp = (pending_frame.read_register(name) for name in ("rip", "rsp"))
            if not _is_last(int(pc) & _U64, int(sp) & _U64):
                return None
        except gdb.error:  # a register that the dump does not have
            return None
        return pending_frame.create_unwind_info(_FrameId(sp, pc))


_U64 = 0xFFFF_FFFF_FFFF_FFFF


def _is_last(pc: int, sp: int) -> bool:
    saved_at = BTstack.tables().unwinder.saved_registers_at(pc)
    if saved_at is None:
        return False
    try:
        cs = lowlevel.read_uint((sp + saved_at + _CS) & _U64, 8)
    except PykdumpError:
        return False
    return cs & _USER_MODE == _USER_MODE


class _Argument:
    # GDB drops the rest of the line when it cannot read a value of a frame that a filter gave it.
    def __init__(self, frame: gdb.Frame, symbol: Any) -> None:
        self._frame, self._symbol = frame, symbol

    def symbol(self) -> Any:
        return self._symbol

    def value(self) -> Any:
        try:
            if isinstance(self._symbol, gdb.Symbol):
                self._frame.read_var(self._symbol).fetch_lazy()
        except gdb.error as error:
            return f"<{error}>"
        return None  # GDB then reads it itself, and knows about values at entry


class _Frame(FrameDecorator):
    def frame_args(self) -> Any:
        frame = self.inferior_frame()
        arguments = super().frame_args() or ()
        return [_Argument(frame, argument.symbol()) for argument in arguments] or None

    def function(self) -> Any:
        # Of names without debug info GDB cuts what the compiler appended: .isra.0, .cold
        frame = self.inferior_frame()
        name = None if frame.function() is not None else _symbol(frame)
        return super().function() if name is None else name


def _symbol(frame: gdb.Frame) -> str | None:
    # A return address behind a call that never returns may belong to the next function.
    newer, pc = frame.newer(), frame.pc()
    is_exact = newer is None or newer.type() == gdb.SIGTRAMP_FRAME
    found = BTstack.tables().symbols.at(pc if is_exact else pc - 1)
    return None if found is None else found[0]


class _EntryFrame(FrameDecorator):
    # GDB calls any frame that may switch stacks a signal handler's.
    def function(self) -> Any:
        frame = self.inferior_frame()
        found = BTstack.tables().symbols.at(frame.pc()) if lowlevel.is_open() else None
        return super().function() if found is None else found[0]


class _UserFrame(FrameDecorator):
    def function(self) -> Any:
        return "<user mode>"


class _LostFrame(FrameDecorator):
    # FrameDecorator asks for the program counter.
    def address(self) -> None:
        return None

    def function(self) -> Any:
        return "<registers cannot be read>"

    def filename(self) -> None:
        return None

    def line(self) -> None:
        return None


class EntryNames:
    """The frame filter: entry code by its name."""

    def __init__(self) -> None:
        self.name = "pykdump-entry-names"
        self.enabled = True
        self.priority = 1000  # before others, which then see what this one makes
        gdb.frame_filters[self.name] = self

    def filter(self, frames: Iterable[Any]) -> Iterable[Any]:
        if not lowlevel.is_open():
            return frames
        module_autoload.before_backtrace()
        return _frames()


def _frames() -> Iterator[Any]:
    # GDB's own iterator would end before the last frame.
    frame = _twice(gdb.newest_frame)
    while frame is not None:
        yield _decorated(frame)
        frame = _twice(frame.older)


def _decorated(frame: gdb.Frame) -> FrameDecorator:
    if frame.type() == gdb.SIGTRAMP_FRAME:
        return _EntryFrame(frame)
    try:
        is_in_user_mode = frame.pc() >> 63 == 0
    except gdb.error:
        return _LostFrame(frame)
    return _UserFrame(frame) if is_in_user_mode else _Frame(frame)


def _twice(look: Callable[[], gdb.Frame | None]) -> gdb.Frame | None:
    # The first look at the last frame of a stack fails with "PC not saved", the second does not,
    # unless nothing is known of the frame.
    for _ in range(2):
        try:
            return look()
        except gdb.error:
            pass
    return None


def register() -> None:
    """Add both to GDB."""
    register_unwinder(None, EntryFromUserMode(), replace=True)
    EntryNames()
