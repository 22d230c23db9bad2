# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads the debug info of a module when a backtrace first meets it.

GDB 13 has no hook for "this address has no symbols", and files cannot be loaded where it unwinds:
its frames would go while it walks over them. There are two places where they can be. A backtrace
asks frame filters before it looks at any frame, and before a prompt nothing is going on: so the
stack of a thread is looked at when it is printed, and when the thread has become the selected one.
"""

from __future__ import annotations

from collections.abc import Iterator

import gdb

from LinuxDump.modules import Module, modules
from LinuxDump.modules import texts as module_texts
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump_gdb import module_loading


class Autoload(gdb.Parameter):
    """Whether debug info of modules is loaded by itself."""

    set_doc = "Set whether the debug info of a module is loaded when a backtrace first meets it."
    show_doc = "Show whether the debug info of a module is loaded when a backtrace first meets it."
    __doc__ = """On by default. It is looked for as "pykdump module load" does, but on this machine
    only: no debuginfod server is asked."""

    def __init__(self) -> None:
        super().__init__("pykdump module-autoload", gdb.COMMAND_FILES, gdb.PARAM_BOOLEAN)
        self.value = True

    def get_set_string(self) -> str:
        return ""

    def get_show_string(self, value: str) -> str:
        return f"Debug info of modules is loaded when a backtrace meets them: {value}."


class _Prefix(gdb.Command):
    def __init__(self, verb: str, doc: str) -> None:
        self.__doc__ = doc
        super().__init__(f"{verb} pykdump", gdb.COMMAND_SUPPORT, prefix=True)


class _State:
    # Of one dump: which modules need no look any more, and which were looked for in vain.
    def __init__(self, kernel: lowlevel.Kernel) -> None:
        self.kernel = kernel
        try:
            found = modules()
        except PykdumpError:  # who asks for the list is told
            found = []
        self.waiting = {module.name: module for module in found}
        texts = [text for module in found for _, text in module_texts(module)]
        self.start = min([text.addr for text in texts], default=0)
        self.end = max([text.end_addr for text in texts], default=0)
        self.untold: list[str] = []
        self.thread: gdb.InferiorThread | None = None

    def module_at(self, pc: int) -> Module | None:
        if not self.start <= pc < self.end:
            return None
        return next((each for each in self.waiting.values() if each.runs(pc)), None)


_state: _State | None = None
_parameter: Autoload


def _current() -> _State | None:
    global _state
    if not _parameter.value or not lowlevel.is_open():
        return None
    if _state is None or _state.kernel is not lowlevel.kernel():
        _state = _State(lowlevel.kernel())
    return _state


def try_again() -> None:
    """Look once more for what was not found."""
    global _state
    _state = None


def before_backtrace() -> None:
    """Load the debug info of the modules on the selected thread's stack."""
    state = _current()
    if state is None or not state.waiting:
        return
    found = {module.name: module for module in map(state.module_at, _pcs()) if module}
    if not found:
        return
    with module_loading.loading():
        for name, module in found.items():
            del state.waiting[name]
            try:
                module_loading.load(module, ask_server=False)
            except PykdumpError:
                state.untold.append(name)


def _pcs() -> Iterator[int]:
    try:
        frame: gdb.Frame | None = gdb.newest_frame()
        while frame is not None:
            yield frame.pc()
            frame = frame.older()
    except gdb.error:  # the end, or what GDB cannot unwind
        return


def _before_prompt() -> None:
    state = _current()
    if state is None:
        return
    thread = gdb.selected_thread()
    if thread is not None and thread is not state.thread:
        state.thread = thread
        before_backtrace()
    if state.untold:
        names = ", ".join(state.untold)
        state.untold.clear()
        print(f"(no debug info of {names} found; see: help pykdump module load)")


def register() -> None:
    """Add the setting, and listen to GDB."""
    global _parameter
    _Prefix("set", "Settings of pykdump.")
    _Prefix("show", "Settings of pykdump.")
    _parameter = Autoload()
    gdb.events.before_prompt.connect(_before_prompt)
