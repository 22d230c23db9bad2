# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps of large guests, for benchmarks: only made when asked for by name.

The guest (tests/vmcore/large) says the counts on its console, then panics by sysrq.  facts.json::

    scenario kernel processes threads files folders sockets
    sockets_of     {tcp_listening tcp_connected unix udp netlink}
    threads_in     {pause futex pipe_read rwsem}: those of the processes; "rwsem" in state D
    files_of_proc  {path: text} just before: dentry-state, inode-nr, file-nr, sockstat, ...
    console        as in panics.py
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from . import forms
from .cache import cache_lock, cache_root, digest, is_fresh, piece
from .guest_disk import write_initramfs
from .kernels import Kernel, cached_kernel, get_kernel
from .machine import run_machine
from .own_modules import HANG_MODULE, get_own_module, is_built
from .panics import console_facts, planted_facts
from .scenario import CPU_4_LEVEL, CPU_5_LEVEL, END_OF_PANIC
from .steps import require_tools, run, step

LARGE_SOURCE = Path(__file__).parent.parent / "large"
LARGE_FORMS = ("elf", "zlib")
_READY = "PYKDUMP: ready"
_FAILED = "PYKDUMP: failed"
_BOOT_TIMEOUT_S = 120
_GROWTH_TIMEOUT_S = 900
_MEMORY_MIB = 1536
_ARGUMENTS = "console=ttyS0,115200 quiet panic=0 oops=panic"


@dataclass(frozen=True)
class Large:
    """A guest of so many processes; each has 300 threads, 1000 files and 200 sockets."""

    name: str
    kernel: str
    processes: int = 100


LARGE = {
    large.name: large
    for large in (
        Large("6.1-large", "6.1"),
        Large("6.1-large-half", "6.1", processes=50),
        Large("6.12-large", "6.12"),
    )
}


def make_large(name: str) -> Path:
    """The directory of the large guest ``name``, made when the cache has none."""
    large = LARGE[name]
    directory = cache_root() / "large" / name
    cached = cached_kernel(large.kernel)
    if cached and is_built(HANG_MODULE, large.kernel, cached):
        if is_fresh(directory, _stamp(large, cached)):
            return directory
    require_tools()
    with cache_lock():
        kernel = get_kernel(large.kernel)
        get_own_module(HANG_MODULE, large.kernel, kernel)
        return piece(
            f"large/{name}", _stamp(large, kernel), lambda work: _make(large, kernel, work)
        )


def _stamp(large: Large, kernel: Kernel) -> str:
    inputs = (LARGE_SOURCE, HANG_MODULE.source, kernel.vmlinuz, _ARGUMENTS, _MEMORY_MIB)
    return digest("large-1", large, *inputs)


def _make(large: Large, kernel: Kernel, work: Path) -> None:
    program, initramfs = work / "large", work / "initramfs.cpio"
    run(["gcc-12", "-O2", "-static", "-o", program, LARGE_SOURCE / "large.c"])
    modules = [*kernel.load_order("qemu_fw_cfg"), HANG_MODULE.installed(kernel)]
    write_initramfs(initramfs, (LARGE_SOURCE / "init").read_text(), modules, [program])
    with run_machine(
        kernel=kernel.vmlinuz,
        initramfs=initramfs,
        disks=[],
        cpu=CPU_4_LEVEL if large.kernel == "6.1" else CPU_5_LEVEL,
        kernel_arguments=f"{_ARGUMENTS} pykdump_large={large.processes}",
        console=work / "console.log",
        memory_mib=_MEMORY_MIB,
    ) as machine:
        with step(f"{large.name}: guest grew and died"):
            machine.wait_for_console(_READY, _BOOT_TIMEOUT_S, fatal=[END_OF_PANIC])
            machine.wait_for_console(END_OF_PANIC, _GROWTH_TIMEOUT_S, fatal=[_FAILED])
            machine.command("stop")
        with step(f"{large.name}: guest dumped as ELF"):
            machine.dump(work / "vmcore.elf")
        with step(f"{large.name}: guest dumped with zlib"):
            machine.dump(work / "flat", "kdump-zlib")
    forms.reassemble(work / "flat", work / "vmcore.zlib")
    run(["fallocate", "--dig-holes", work / "vmcore.elf"], timeout_s=300)
    for file in (program, initramfs, work / "flat"):
        file.unlink()
    (work / "release").write_text(kernel.release + "\n")
    console = (work / "console.log").read_bytes().decode("utf-8", "replace")
    facts = {
        "scenario": large.name,
        "kernel": large.kernel,
        **planted_facts(console),
        "console": console_facts(console),
    }
    (work / "facts.json").write_text(json.dumps(facts, indent=1))
