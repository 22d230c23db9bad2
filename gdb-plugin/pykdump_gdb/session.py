# SPDX-License-Identifier: GPL-2.0-or-later
"""The one dump that is open in this GDB."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack

import gdb

from LinuxDump import cpus, timekeeping
from LinuxDump.task_records import SYMBOLS, Task, task_table
from pykdump import lowlevel
from pykdump._accel import IDLE_TID, Dump, ElfInfo, TargetServer, Thread, read_elf
from pykdump.debuginfo import find_vmlinux
from pykdump.errors import Interrupted, PykdumpError
from pykdump.logging import pylog
from pykdump_gdb import match, symbols, threads
from pykdump_gdb.progress import ProgressLine
from pykdump_gdb.target import Connection


class Session:
    """An open dump: what was found in it, and what `close` has to undo."""

    def __init__(self, dump: Dump, vmlinux: str) -> None:
        self.dump = dump
        self.vmlinux = vmlinux
        self.server: TargetServer
        self.connection: Connection
        self.tasks: list[Task] = []
        self.panicked: Task | None = None  #: the task that GDB stops in first
        self.registers: dict[int, bytes] = {}  #: NT_PRSTATUS notes by CPU
        self.warnings: list[str] = []
        self._undo = ExitStack()

    def kernel_tasks(self) -> list[Task]:
        """All tasks of the dump, whether GDB sees them as threads or not."""
        return task_table().tasks if self.tasks else []

    def close(self) -> None:
        """Let go of the dump; safe to call twice."""
        global _current
        if _current is self:
            _current = None
        self._undo.close()

    def keep(self, undo: ExitStack) -> None:
        """Close all this at the end, and not now."""
        self._undo = undo.pop_all()


_current: Session | None = None


def current() -> Session | None:
    """The open dump's session."""
    return _current


def require() -> Session:
    """The same; raises NoDumpError when nothing is open."""
    if _current is None:
        lowlevel.kernel()
        raise AssertionError("a kernel is attached without a session")
    return _current


def close() -> None:
    """Close the open dump, if any."""
    if _current is not None:
        _current.close()


def open_dump(paths: Sequence[str], *, vmlinux: str | None = None, force: bool = False) -> Session:
    """Open this dump in place of what is open; raises PykdumpError.

    What is open is closed when the new dump has been found to be one, and of its vmlinux.

    :param paths: the files of one dump.
    :param vmlinux: None for the one that GDB has loaded, else one found by the dump's build-id.
    :param force: open the dump even if vmlinux is not its kernel.
    """
    global _current
    progress = ProgressLine()
    pylog.start(quiet=True)
    try:
        with ExitStack() as undo:
            session = _open(paths, vmlinux, force, undo, progress)
            session.keep(undo)
    except (KeyboardInterrupt, Interrupted):
        left = "no dump is open" if _current is None else "the dump that was open still is"
        raise Interrupted(f"opening {paths[0]} was interrupted: {left}") from None
    finally:
        progress.done()
    _current = session
    return session


def _open(
    paths: Sequence[str], vmlinux: str | None, force: bool, undo: ExitStack, progress: ProgressLine
) -> Session:
    dump = Dump.open([os.path.abspath(path) for path in paths], progress=progress)
    undo.callback(dump.close)
    vmlinux = os.path.realpath(vmlinux or symbols.vmlinux_in_gdb() or _search(dump, progress))
    session = Session(dump, vmlinux)

    elf = _read_vmlinux(vmlinux)
    if not dump.located:
        dump.locate(vmlinux, progress=progress)
    session.warnings += match.check(dump, elf, vmlinux, force=force)
    close()
    lowlevel.attach(lowlevel.Kernel(dump, elf, vmlinux, dump.kaslr_offset))
    undo.callback(lowlevel.detach)
    symbols.load(vmlinux, elf, dump.kaslr_offset, progress)
    lowlevel.prefetch_symbols([*SYMBOLS, *timekeeping.SYMBOLS])
    progress.announce("reading tasks")
    session.server = TargetServer(dump)
    undo.callback(session.server.stop)
    _add_threads(session)
    session.connection = Connection(session.server)
    undo.callback(session.connection.close)
    session.connection.open()
    session.warnings = [*dump.warnings, *session.warnings, *pylog.problems()]
    return session


def _search(dump: Dump, progress: ProgressLine) -> str:
    progress.announce("looking for vmlinux")
    return find_vmlinux(dump.paths, dump.build_id, dump.release, _build_id_of)


def _build_id_of(path: str) -> str | None:
    try:
        return read_elf(path).build_id
    except PykdumpError:
        return None


def _read_vmlinux(path: str) -> ElfInfo:
    try:
        return read_elf(path)
    except PykdumpError as error:
        raise PykdumpError(f"{error}; name the dump's vmlinux with --vmlinux") from None


def _add_threads(session: Session) -> None:
    # A dump whose task list is lost is still worth its registers.
    try:
        session.registers = cpus.registers_by_cpu()
        table = task_table()
        session.tasks = threads.choose(table)
        session.panicked = table.panic_task()
    except PykdumpError as error:
        pylog.warning(f"no tasks: {error}")
    if not session.tasks:
        session.server.add_threads(_bare_cpus(session.dump))
        return
    chosen = [threads.as_thread(task, session.registers) for task in session.tasks]
    session.server.add_threads(chosen)
    if session.panicked is not None:
        session.server.select(threads.tid_of(session.panicked))
    if len(session.tasks) < len(table.tasks):
        pylog.warning(
            f"{len(table.tasks)} tasks are more than GDB can list quickly: {len(session.tasks)} "
            f"are threads: those on CPUs, in D state, and processes, up to {threads.CAP}; "
            "see: help pykdump threads"
        )


def _bare_cpus(dump: Dump) -> list[Thread]:
    notes = dump.cpu_notes() or [b""]
    return [
        Thread(IDLE_TID + cpu, cpu, b"cpu", f"registers of note {cpu}", prstatus=note)
        for cpu, note in enumerate(notes)
    ]


def add_threads(words: Sequence[str]) -> int:
    """Make more tasks threads of GDB: by pid, by comm, or "all"; returns how many came in."""
    session = require()
    found = list(threads.find(task_table(), words))
    if not found:
        raise PykdumpError(f"no task has the pid or the name {' or '.join(words)}")
    added = session.server.add_threads(
        [threads.as_thread(task, session.registers) for task in found]
    )
    session.tasks = [task for task in task_table().tasks if _is_thread(session, task)]
    threads.refresh(session.server)
    return added


def _is_thread(session: Session, task: Task) -> bool:
    return session.server.has_thread(threads.tid_of(task))


def connection_gone(target: gdb.TargetConnection) -> None:
    """GDB let go of a connection (detach, kill, disconnect): close the dump if it was its own."""
    session = _current
    if session is not None and session.connection.target is target:
        session.connection.target = None
        session.close()
