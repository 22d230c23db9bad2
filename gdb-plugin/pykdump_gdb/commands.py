# SPDX-License-Identifier: GPL-2.0-or-later
"""The pykdump commands themselves; tools register below them in tools.py."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Sequence

import gdb

from pykdump.errors import PykdumpError
from pykdump.tool import Parser
from pykdump_gdb import session, status, tools
from pykdump_gdb.command import Command
from pykdump_gdb.module_commands import ModulePrefix


class Pykdump(Command):
    """Analyse a Linux kernel dump.
    Usage: pykdump COMMAND [ARGUMENTS]

    "pykdump help" lists the commands and the tools."""

    def __init__(self) -> None:
        super().__init__("pykdump", gdb.COMMAND_DATA, prefix=True)

    def run(self, arguments: str) -> None:
        if not arguments:
            print_help()
            return
        name = arguments.split()[0]
        known = [*(own for own, _ in OWN_COMMANDS), *tools.names()]
        near = difflib.get_close_matches(name, known, 1)
        hint = (
            f'did you mean "pykdump {near[0]}"?' if near else '"pykdump help" lists what there is'
        )
        raise PykdumpError(f"there is no pykdump {name}; {hint}")


class Open(Command):
    """Open a kernel dump: every task becomes a thread, the one that panicked is selected.
    Usage: pykdump open [--vmlinux FILE] [--force] VMCORE [VMCORE2 ...]

    Several VMCOREs are the parts of one split dump. A dump that is open is closed first.
    FILE is the dump's vmlinux with debug info. Without it the one that GDB has loaded is used, else
    one is looked for by its build-id: beside the dump, in the folders of $PYKDUMP_DEBUGINFO, in
    /usr/lib/debug, /lib/modules and /boot, and by debuginfod if $DEBUGINFOD_URLS is set.
    --force opens the dump even if FILE is not its kernel."""

    options = ("--vmlinux", "--force")
    takes_files = True

    def __init__(self, name: str = "pykdump open") -> None:
        self._name = name
        super().__init__(name, gdb.COMMAND_FILES)

    def run(self, arguments: str) -> None:
        parser = Parser(prog=self._name, add_help=False)
        parser.add_argument("--vmlinux")
        parser.add_argument("--force", action="store_true")
        parser.add_argument("vmcores", nargs="+", metavar="VMCORE")
        asked = parser.parse_args(gdb.string_to_argv(arguments))
        vmlinux = None if asked.vmlinux is None else os.path.expanduser(asked.vmlinux)
        open_and_tell([os.path.expanduser(path) for path in asked.vmcores], vmlinux, asked.force)


class TargetKdump(Open):
    """Use a kernel dump as the target.
    Usage: target kdump [--vmlinux FILE] [--force] VMCORE [VMCORE2 ...]

    The same as "pykdump open"."""

    def __init__(self) -> None:
        super().__init__("target kdump")


class Close(Command):
    """Close the dump that is open; symbols stay loaded.
    Usage: pykdump close"""

    def __init__(self) -> None:
        super().__init__("pykdump close", gdb.COMMAND_FILES)

    def run(self, arguments: str) -> None:
        session.require().close()


class Status(Command):
    """Show what is open, what is known about it, and what is missing from it.
    Usage: pykdump status [--json]"""

    options = ("--json",)

    def __init__(self) -> None:
        super().__init__("pykdump status", gdb.COMMAND_STATUS)

    def run(self, arguments: str) -> None:
        status.TOOL.run("status", gdb.string_to_argv(arguments), "Show what is open.")


class Threads(Command):
    """Show how many tasks are threads of GDB, or make more of them threads.
    Usage: pykdump threads [add PID|COMM|all ...]

    Of a dump with very many tasks GDB at first sees those that ran on a CPU, those in D state, and
    one thread of each process. A PID adds all threads of that process, COMM all of that name."""

    def __init__(self) -> None:
        super().__init__("pykdump threads", gdb.COMMAND_RUNNING)

    def run(self, arguments: str) -> None:
        words = gdb.string_to_argv(arguments)
        now = session.require()
        if words[:1] == ["add"] and len(words) > 1:
            print(f"{session.add_threads(words[1:])} threads added")
        elif words:
            raise PykdumpError("usage: pykdump threads [add PID|COMM|all ...]")
        total = len(now.kernel_tasks())
        print(f"{now.server.thread_count()} of {total} tasks are threads")

    def complete(self, text: str, word: str | None) -> Sequence[str]:
        return ["add"] if " " not in text.lstrip() and "add".startswith(word or "") else []


class Cache(Command):
    """Show how much of the dump's memory is kept in memory, or how much may be.
    Usage: pykdump cache [SIZE]

    SIZE is a number of bytes, with K, M or G behind it; at first it is an eighth of this machine's
    memory, at most 4G. A new SIZE also empties the cache."""

    def __init__(self) -> None:
        super().__init__("pykdump cache", gdb.COMMAND_STATUS)

    def run(self, arguments: str) -> None:
        dump = session.require().dump
        if arguments:
            dump.set_cache_limit(_size_of(arguments.strip()))
        now = dump.stats()
        print(
            f"{now['cache_bytes'] >> 20} of at most {now['cache_limit_bytes'] >> 20} MiB cached; "
            f"pages found there {now['page_hits']}, not found {now['page_misses']}"
        )


def _size_of(text: str) -> int:
    match = re.fullmatch(r"(\d{1,12})([KMG]?)i?B?", text, re.IGNORECASE)
    if match is None:
        raise PykdumpError(f"{text!r} is no size; give one as 512M or 4G")
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2].upper()]


class Help(Command):
    """List the pykdump commands and tools.
    Usage: pykdump help"""

    def __init__(self) -> None:
        super().__init__("pykdump help", gdb.COMMAND_SUPPORT)

    def run(self, arguments: str) -> None:
        if arguments:
            gdb.execute(f"help pykdump {arguments}")
        else:
            print_help()


OWN_COMMANDS: tuple[tuple[str, Callable[[], Command]], ...] = (
    ("open", Open),
    ("status", Status),
    ("threads", Threads),
    ("cache", Cache),
    ("module", ModulePrefix),
    ("close", Close),
    ("help", Help),
)


def print_help() -> None:
    """One line for each command and tool."""
    print("Commands:")
    for name, command in OWN_COMMANDS:
        print(f"  pykdump {name:12} {_summary(command.__doc__)}")
    print("Scripts of the classic API (see: help pyk-run):")
    print("  pyk-run SCRIPT       Run one; epython is the same.")
    print("  repl                 A Python prompt with the API; pyctl lists its switches.")
    found = tools.found()
    if found:
        print("Tools (each has --help):")
    for tool in found:
        print(f"  pykdump {tool.name:12} {tool.summary}")
    print("In expressions: $pyk_task(PID), $pyk_current(CPU), $pyk_per_cpu(), $pyk_container_of()")


def _summary(doc: str | None) -> str:
    return (doc or "").splitlines()[0]


def open_and_tell(paths: Sequence[str], vmlinux: str | None, force: bool) -> None:
    """Open a dump and say in two lines what it is."""
    opened = session.open_dump(paths, vmlinux=vmlinux, force=force)
    for line in status.headline(opened):
        print(line)
    for warning in opened.warnings:
        gdb.write(f"warning: {warning}\n", gdb.STDERR)


def register() -> None:
    """Add the commands to GDB."""
    Pykdump()
    for _, command in OWN_COMMANDS:
        command()
    TargetKdump()
