# SPDX-License-Identifier: GPL-2.0-or-later
"""Small dumps of guests that do nothing but die: one for each class of panic.

The guest is an initramfs (tests/vmcore/panics) and up in seconds, so each has a boot of its own.
User pages are left out of the dumps of 6.1, free pages and zeros of all.
facts.json says, with all addresses as numbers::

    scenario kernel class
    function pid comm cpu task   the function to blame, and who ran it where: right before the panic
    operand      {type variable value member offset}: what the faulting instruction goes through
    address      what it reads, writes or calls
    freed        use after free: the object
    list         list corruption: {head entry prev prev_next}
    machine_check  {cpu bank status mcg_status address misc}: what the processor was made to report
    mutex holder hung task: what it waits for, {pid comm task} of its owner
    console      the kernel's own words: {lines title panic rip trace panicked}; see console_facts
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import forms
from .cache import cache_lock, cache_root, digest, is_fresh, piece
from .guest_disk import write_initramfs
from .kernels import Kernel, cached_kernel, get_kernel
from .machine import run_machine
from .own_modules import PANIC_MODULE, get_own_module, is_built
from .scenario import CPU_4_LEVEL, CPU_5_LEVEL, END_OF_PANIC
from .steps import require_tools, step

PANIC_INIT = Path(__file__).parent.parent / "panics/init"
_READY = "PYKDUMP: ready"
_FACT = "PYKDUMP: fact "
_TIMEOUT_S = 180
_AT_ONCE = 2
_MEMORY_MIB = 256
_ARGUMENTS = "console=ttyS0,115200 quiet panic=0 oops=panic"
# Uncorrected, processor context corrupt.
_MACHINE_CHECK = (
    ("cpu", 1),
    ("bank", 9),
    ("status", 0xBE00000000000151),
    ("mcg_status", 4),
    ("address", 0x12340040),
    ("misc", 0x8C),
)


@dataclass(frozen=True)
class Panic:
    """One way to die, on one kernel."""

    kernel: str
    panic_class: str
    word: str  #: what panics/init is told
    arguments: str = ""
    machine_check: tuple[tuple[str, int], ...] = ()  #: what the processor is made to report
    compression: str = "lzo"

    @property
    def name(self) -> str:
        return f"{self.kernel}-{self.panic_class}"

    @property
    def form(self) -> str:
        # Debian's makedumpfile leaves slabs of 6.12 out with the user pages: it only drops free
        # pages and zeros there, which in these guests is nearly as much.
        return f"{'d31' if self.kernel == '6.1' else 'd17'}-{self.compression}"


PANICS = {
    panic.name: panic
    for panic in (
        Panic("6.1", "null-dereference", "null"),
        Panic("6.12", "null-dereference", "null", compression="zstd"),
        Panic("6.1", "null-call", "null-call"),
        Panic("6.12", "data-call", "data-call"),
        Panic("6.12", "wild-pointer", "wild"),
        Panic("6.1", "use-after-free", "use-after-free", arguments="slub_debug=P"),
        Panic("6.1", "bug", "bug"),
        Panic("6.12", "warn", "warn"),
        Panic("6.1", "list-corruption", "list", compression="zstd"),
        Panic("6.12", "list-corruption", "list"),
        Panic("6.12", "divide-error", "divide"),
        Panic("6.1", "stack-overflow", "stack"),
        Panic("6.12", "stack-overflow", "stack", compression="zstd"),
        Panic("6.1", "soft-lockup", "spin-watchdog"),
        Panic("6.12", "rcu-stall", "spin-rcu"),
        Panic("6.12", "hung-task", "hang"),
        Panic("6.1", "oom", "memory"),
        Panic("6.1", "init-died", "init"),
        Panic("6.12", "machine-check", "outside", machine_check=_MACHINE_CHECK),
    )
}


def make_panics(names: Sequence[str]) -> dict[str, Path]:
    """Directories of the panics ``names``; those that the cache lacks are made, two at a time."""
    if not all(map(_is_cached, names)):
        require_tools()
        with cache_lock():
            for kernel_name in sorted({PANICS[name].kernel for name in names}):
                get_own_module(PANIC_MODULE, kernel_name, get_kernel(kernel_name))
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(_make_panic, names))
    return {name: _directory(name) for name in names}


def _directory(name: str) -> Path:
    return cache_root() / "panics" / name


def _stamp(panic: Panic, kernel: Kernel) -> str:
    inputs = (PANIC_INIT, PANIC_MODULE.source, kernel.vmlinuz, _ARGUMENTS, _MEMORY_MIB)
    return digest("panic-1", panic, *inputs)


def _is_cached(name: str) -> bool:
    panic = PANICS[name]
    kernel = cached_kernel(panic.kernel)
    if not kernel or not is_built(PANIC_MODULE, panic.kernel, kernel):
        return False
    return is_fresh(_directory(name), _stamp(panic, kernel))


def _make_panic(name: str) -> Path:
    panic = PANICS[name]
    kernel = get_kernel(panic.kernel)
    return piece(f"panics/{name}", _stamp(panic, kernel), lambda work: _make(panic, kernel, work))


def _make(panic: Panic, kernel: Kernel, work: Path) -> None:
    initramfs, elf = work / "initramfs.cpio", work / "elf"
    modules = [*kernel.load_order("qemu_fw_cfg"), PANIC_MODULE.installed(kernel)]
    write_initramfs(initramfs, PANIC_INIT.read_text(), modules)
    with run_machine(
        kernel=kernel.vmlinuz,
        initramfs=initramfs,
        disks=[],
        cpu=CPU_4_LEVEL if panic.kernel == "6.1" else CPU_5_LEVEL,
        kernel_arguments=f"{_ARGUMENTS} {panic.arguments} pykdump_panic={panic.word}",
        console=work / "console.log",
        memory_mib=_MEMORY_MIB,
    ) as machine:
        with step(f"{panic.name}: guest died"):
            machine.wait_for_console(_READY, _TIMEOUT_S)
            if panic.machine_check:
                words = " ".join(str(value) for _, value in panic.machine_check)
                machine.command("human-monitor-command", **{"command-line": f"mce {words}"})
            machine.wait_for_console(END_OF_PANIC, _TIMEOUT_S)
            machine.command("stop")
        with step(f"{panic.name}: guest dumped"):
            machine.dump(elf)
    forms.move_program_headers(elf, work / "moved.elf")
    forms.DERIVED[panic.form](work / "moved.elf", work / f"vmcore.{panic.form}")
    for file in (initramfs, elf, work / "moved.elf"):
        file.unlink()
    (work / "release").write_text(kernel.release + "\n")
    console = (work / "console.log").read_bytes().decode("utf-8", "replace")
    facts = {
        "scenario": panic.name,
        "kernel": panic.kernel,
        "class": panic.panic_class,
        **({"machine_check": dict(panic.machine_check)} if panic.machine_check else {}),
        **planted_facts(console),
        "console": console_facts(console),
    }
    (work / "facts.json").write_text(json.dumps(facts, indent=1))


def planted_facts(console: str) -> dict[str, Any]:
    """What the planted code said of itself before the end."""
    facts: dict[str, Any] = {}
    for line in console.splitlines():
        _, found, text = line.partition(_FACT)
        if found:
            facts.update(json.loads(text, object_hook=_with_numbers))
    return facts


def _with_numbers(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: int(value, 16) if isinstance(value, str) and value.startswith("0x") else value
        for key, value in values.items()
    }


def console_facts(console: str) -> dict[str, Any]:
    """The kernel's report as it was printed, without time stamps.

    ``lines``: all of it from the first line after what was planted; ``title``: its first line;
    ``panic``: the reason after "Kernel panic - not syncing: "; ``rip``: function+offset/size of the
    first "RIP:" in the kernel, None without one; ``trace``: sure functions of the first call trace;
    ``panicked``: {cpu pid comm} of the task that panic() ran in.
    """
    lines = [re.sub(r"^\[ *\d+\.\d+\] ", "", line.rstrip()) for line in console.splitlines()]
    marks = [at for at, line in enumerate(lines) if line.startswith("PYKDUMP: ")]
    report = [line for line in lines[marks[-1] + 1 :] if line and not line.startswith("-----")]
    text = "\n".join(report)
    panic = re.search(r"^Kernel panic - not syncing: (.*)", text, re.MULTILINE)
    # User mode's has another selector.
    rip = re.search(r"^RIP: 0010:(\S+)", text, re.MULTILINE)
    end = panic.start() if panic else len(text)
    tasks = list(
        re.finditer(r"^CPU: (\d+) (?:UID: \d+ )?PID: (\d+) Comm: (\S+)", text, re.MULTILINE)
    )
    # panic() prints a stack of its own, with the task, unless an oops has done so before.
    said = [task for task in tasks if task.start() > end] or tasks[-1:]
    return {
        "lines": report,
        "title": report[0] if report else "",
        "panic": panic[1] if panic else None,
        "rip": rip[1] if rip else None,
        "trace": _first_trace(report),
        "panicked": (
            {"cpu": int(said[0][1]), "pid": int(said[0][2]), "comm": said[0][3]} if said else None
        ),
    }


def _first_trace(report: list[str]) -> list[str]:
    starts = [at for at, line in enumerate(report) if line.startswith("Call Trace:")]
    trace = []
    for line in report[starts[0] + 1 :] if starts else []:
        if line == " </TASK>" or line[:1] != " ":
            break
        function = re.match(r" ([\w.]+)\+0x", line)
        if function:
            trace.append(function[1])
    return trace
