# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that scripts read as text, beside what the guest's own commands said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from gdb_run import launch

from harness import Vmcore

SCRIPT = """\
import json
banner = sym2addr("linux_banner")
asked = ["sys", "log", "mod", "sym init_task", "p &init_task", "struct list_head", "nosuch",
         "struct task_struct.pid,comm init_task", "rd %x -e %x -a" % (banner, banner + 2000),
         "rd %x 3" % banner, "mod -t"]
answers = {}
for command in asked:
    try:
        answers[command] = exec_crash_command(command)
    except crash.error as error:
        answers[command] = str(error)
answers["symbols"] = {name: sym2addr(name) for name in NAMES}
answers["modules"] = lsModules()
answers["background"] = exec_crash_command_bg("log", timeout=60)
answers["uptime"] = crash.get_uptime() / HZ
answers["init"] = get_task_mem_usage(pid_to_task(1))
answers["kthreadd"] = crash.get_task_mem_usage(pid_to_task(2))
answers["cpus"], answers["release"] = sys_info.CPUS, sys_info.RELEASE
with open(sys.argv[1], "w") as file:
    json.dump(answers, file)
"""


def answers(vmcore: Vmcore, folder: Path) -> dict[str, Any]:
    names = [name for name in vmcore.facts["symbols"]]
    (folder / "ask.py").write_text(f"NAMES = {names!r}\n{SCRIPT}")
    files = next(iter(vmcore.forms.values()))
    run = launch(vmcore.vmlinux, *files, "-c", f"pyk-run {folder}/ask.py {folder}/out.json")
    assert run.status == 0, run.err
    found: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return found


def test_commands_say_what_the_guest_said(vmcore: Vmcore, tmp_path: Path) -> None:
    facts, found = vmcore.facts, answers(vmcore, tmp_path)
    uname = facts["uname"]
    rows = dict(line.strip().split(": ", 1) for line in found["sys"].splitlines())
    for key in ("nodename", "release", "version"):
        assert rows[key.upper()] == uname[key]
    assert found["release"] == uname["release"]
    cpuinfo = facts["files"]["/proc/cpuinfo"]
    megahertz = re.search(r"^cpu MHz\s*: (\d+)\.", cpuinfo, re.M)
    assert megahertz is not None
    assert rows["MACHINE"] == f"{uname['machine']}  ({megahertz[1]} Mhz)"
    assert (rows["PANIC"] == '""') == (facts["trigger"] == "none")
    assert found["cpus"] == int(rows["CPUS"].split()[0]) == cpuinfo.count("processor\t")

    dmesg = facts["commands"]["dmesg"].rstrip("\n").split("\n")
    assert found["log"].split("\n")[: len(dmesg)] == dmesg

    assert found["background"] == found["log"]
    pages = facts["processes"]["1"]["statm"].split()
    assert found["init"] == [4 * int(pages[0]), 4 * int(pages[1])] and found["kthreadd"] == [0, 0]
    assert found["uptime"] >= float(facts["files"]["/proc/uptime"].split()[0])

    lsmod = [line.split()[0] for line in facts["commands"]["lsmod"].splitlines()[1:]]
    table = found["mod"].splitlines()
    assert sorted(row.split()[1] for row in table[1:]) == sorted(lsmod) == sorted(found["modules"])
    assert all("not loaded" in row for row in table[1:])
    assert re.search(r"^pykdump_test +OE$", found["mod -t"], re.MULTILINE)


def test_symbols_and_memory_are_those_of_the_guest(vmcore: Vmcore, tmp_path: Path) -> None:
    facts, found = vmcore.facts, answers(vmcore, tmp_path)
    assert found["symbols"] == facts["symbols"]
    init_task = facts["symbols"]["init_task"]
    # Of some kernels nm has the section of data executable.
    assert re.fullmatch(rf"{init_task:x} \([DT]\) init_task\n", found["sym init_task"])
    assert re.fullmatch(rf"\$\d+ = .* {init_task:#x} <init_task>\n", found["p &init_task"])
    assert re.search(r"\bSIZE: 16\n", found["struct list_head"])
    shown = found["struct task_struct.pid,comm init_task"].splitlines()
    assert shown[0].split() == ["pid", "=", "0"] and '"swapper/0' in shown[1]
    banner = facts["symbols"]["linux_banner"]
    rd = {command.endswith("-a"): text for command, text in found.items() if command[:3] == "rd "}
    assert rd[True].startswith(f"{banner:x}:  Linux version {facts['uname']['release']} ")
    first, second = rd[False].splitlines()
    assert bytes.fromhex(first.split()[1])[::-1] == b"Linux ve"
    assert first.endswith(f"   Linux version {facts['uname']['release'][:2]}")
    assert second.split()[0] == f"{banner + 16:x}:"
    assert "there is no command nosuch" in found["nosuch"]
