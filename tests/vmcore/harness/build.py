# SPDX-License-Identifier: GPL-2.0-or-later
"""From a scenario to its directory of dumps and facts."""

from __future__ import annotations

import json
import tarfile
import time
from pathlib import Path

from . import forms
from .cache import cache_lock, cache_root, digest, is_fresh, piece
from .guest_disk import GUEST_SOURCES, get_boot_files, root_stamp, write_plan_disk
from .kernels import Kernel, cached_kernel, get_kernel
from .machine import Machine, run_machine
from .own_modules import HANG_MODULE, TEST_MODULE, get_own_module, is_built
from .scenario import END_OF_PANIC, HANGS, SCENARIOS, Scenario
from .steps import HarnessError, require_tools, step

FACTS_WRITTEN = "PYKDUMP: facts are written"
_LATE_FACTS = "PYKDUMP: late "
_PLANT_FAILED = "PYKDUMP: failed"
_FACTS_DISK_BYTES = 64 << 20
_KDUMP_DISK_BYTES = 1 << 30
_BOOT_TIMEOUT_S = 420
_DEATH_TIMEOUT_S = 240

_ARGUMENTS = (
    "console=ttyS0,115200 panic=0 oops=panic net.ifnames=0 nowatchdog "
    "rcupdate.rcu_cpu_stall_suppress=1"
)

#: Ours that a guest loads, by the name of its folder.
_MODULES = {"guest": TEST_MODULE, "hangs": HANG_MODULE}


def scenario_stamp(scenario: Scenario, kernel: Kernel) -> str:
    """Hash of all that decides what a scenario's dumps hold."""
    sources = GUEST_SOURCES[scenario.guest]
    module = _MODULES[scenario.guest]
    inputs = [*sources, module.source, kernel.vmlinuz, root_stamp(), _ARGUMENTS]
    if scenario.guest != "guest":
        inputs.append(scenario.memory_mib)
    return digest("scenario-2", scenario, *inputs)


def make_scenario(name: str) -> Path:
    """The directory of scenario ``name``; made when the cache has none of the present inputs."""
    scenario = (SCENARIOS | HANGS)[name]
    module = _MODULES[scenario.guest]
    directory = cache_root() / "dumps" / name
    cached = cached_kernel(scenario.kernel)
    if cached and is_built(module, scenario.kernel, cached):
        if is_fresh(directory, scenario_stamp(scenario, cached)):
            return directory
    require_tools()
    with cache_lock():
        kernel = get_kernel(scenario.kernel)
        get_own_module(module, scenario.kernel, kernel)
        stamp = scenario_stamp(scenario, kernel)
        return piece(f"dumps/{name}", stamp, lambda work: _make(scenario, kernel, work))


def _make(scenario: Scenario, kernel: Kernel, work: Path) -> None:
    boot = get_boot_files(scenario.kernel, kernel)
    plan, facts, kdump = work / "plan.img", work / "facts.img", work / "kdump.img"
    files = [*GUEST_SOURCES[scenario.guest], _MODULES[scenario.guest].installed(kernel)]
    disks = [f"file={boot.disk},snapshot=on", f"file={plan},readonly=on", f"file={facts}"]
    _make_disk(facts, _FACTS_DISK_BYTES)
    if scenario.kdump:
        files += [kernel.vmlinuz, boot.initramfs]
        disks.append(f"file={kdump}")
        _make_disk(kdump, _KDUMP_DISK_BYTES)
    write_plan_disk(plan, files, _guest_settings(scenario, kernel))
    with run_machine(
        kernel=kernel.vmlinuz,
        initramfs=boot.initramfs,
        disks=disks,
        cpu=scenario.cpu,
        kernel_arguments=f"{_ARGUMENTS} {scenario.arguments}",
        console=work / "console.log",
        vmcoreinfo=scenario.vmcoreinfo,
        memory_mib=scenario.memory_mib,
    ) as machine:
        with step(f"{scenario.name}: guest booted, planted and wrote its facts"):
            bad = [_PLANT_FAILED, END_OF_PANIC]
            machine.wait_for_console(FACTS_WRITTEN, _BOOT_TIMEOUT_S, fatal=bad)
        with step(f"{scenario.name}: guest dumped"):
            _let_die(scenario, machine)
            if not scenario.kdump:
                _dump(machine, work)
    with tarfile.open(facts) as tar:
        tar.extractall(work)
    _add_late_facts(work)
    (work / "release").write_text(kernel.release + "\n")
    if scenario.kdump:
        forms.trim_flattened(kdump, dump_path(work, "flat"))
        forms.reassemble(dump_path(work, "flat"), dump_path(work, "d31-lzo"))
    else:
        _derive_forms(scenario, work)
    for disk in (plan, facts, kdump):
        disk.unlink(missing_ok=True)
    missing = [form for form in scenario.forms if not form_paths(work, form)]
    if missing:
        raise HarnessError(f"{scenario.name}: no dump of the forms {missing} came about")


def _make_disk(path: Path, size_bytes: int) -> None:
    with open(path, "wb") as disk:
        disk.truncate(size_bytes)


def _guest_settings(scenario: Scenario, kernel: Kernel) -> dict[str, str]:
    return {
        "SCENARIO": scenario.name,
        "TRIGGER": scenario.trigger,
        "VMCOREINFO": "1" if scenario.vmcoreinfo else "",
        "KDUMP_KERNEL": kernel.vmlinuz.name if scenario.kdump else "",
    }


def _let_die(scenario: Scenario, machine: Machine) -> None:
    # The guest settles, so that the last write of its facts is not under way any more.
    time.sleep(2)
    if scenario.trigger == "lockup":
        machine.wait_for_console(_LATE_FACTS, _DEATH_TIMEOUT_S)
    if scenario.inject_nmi:
        machine.command("inject-nmi")
    if scenario.dies_with:
        machine.wait_for_console(scenario.dies_with, _DEATH_TIMEOUT_S, fatal=[_PLANT_FAILED])
        time.sleep(1)
    machine.command("stop")


def _add_late_facts(work: Path) -> None:
    """Add to facts.json what came about after it was written: the console tells."""
    facts_file = work / "facts.json"
    facts = json.loads(facts_file.read_text())
    console = (work / "console.log").read_bytes().decode("utf-8", "replace")
    facts["late"] = {}
    for line in console.splitlines():
        _, found, text = line.partition(_LATE_FACTS)
        if found:
            facts["late"].update(json.loads(text))
    facts_file.write_text(json.dumps(facts, indent=1))


def dump_path(work: Path, form: str) -> Path:
    return work / f"vmcore.{form}"


def _dump(machine: Machine, work: Path) -> None:
    written = work / "written"
    machine.dump(written)
    forms.sparse_copy(written, dump_path(work, "elf"))
    written.unlink()
    machine.dump(dump_path(work, "flat"), "kdump-zlib")


def _derive_forms(scenario: Scenario, work: Path) -> None:
    with step(f"{scenario.name}: zlib reassembled"):
        forms.reassemble(dump_path(work, "flat"), dump_path(work, "zlib"))
    elf = work / "moved.elf"
    forms.move_program_headers(dump_path(work, "elf"), elf)
    for form in scenario.forms:
        if form in forms.DERIVED:
            with step(f"{scenario.name}: {form} made"):
                forms.DERIVED[form](elf, dump_path(work, form))
    elf.unlink()
    for form in ("elf", "flat", "zlib"):
        if form not in scenario.forms:
            dump_path(work, form).unlink()


def form_paths(directory: Path, form: str) -> list[Path]:
    """Files of a dump in ``form``: several when it is split."""
    whole = dump_path(directory, form)
    if whole.is_file():
        return [whole]
    return sorted(directory.glob(f"vmcore.{form}.[0-9]"))
