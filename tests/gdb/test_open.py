# SPDX-License-Identifier: GPL-2.0-or-later
"""Opening a dump: tasks become threads, expressions work, and closing leaves nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from gdb_run import BUILD, IDLE_TID, INIT, LAUNCHER, gdb, launch
from mini_dump import MiniDump, written
from writer.diskdump import write_diskdump
from writer.mini import mini_machine
from writer.tasks import (
    DEAD,
    EXIT_ZOMBIE,
    IDLE,
    INTERRUPTIBLE,
    PARKED,
    RUNNING,
    STOPPED,
    TRACED,
    UNINTERRUPTIBLE,
    Task,
)

LETTERS = {
    RUNNING: "R",
    INTERRUPTIBLE: "S",
    UNINTERRUPTIBLE: "D",
    STOPPED: "T",
    TRACED: "t",
    PARKED: "P",
    IDLE: "I",
}


def letter(task: Task) -> str:
    if task.exit_state == EXIT_ZOMBIE:
        assert task.state == DEAD
        return "Z"
    return LETTERS[task.state]


def tid(task: Task) -> int:
    return task.pid or IDLE_TID + task.cpu


@pytest.mark.parametrize("variant", [False, True])
@pytest.mark.parametrize("kaslr", [0, 0x1C000000])
def test_info_threads_lists_every_planted_task_with_its_state_and_cpu(
    kaslr: int, variant: bool, plugin: None, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    elf = request.getfixturevalue("mini_elf_variant" if variant else "mini_elf")
    mini = mini_machine(elf, tasks=40, cpus=3, panic_cpu=1, kaslr=kaslr)
    dump = written(mini, elf, tmp_path / "vmcore")
    run = gdb(f"target kdump {dump.vmcore}", "info threads", args=[dump.vmlinux])
    rows = {int(row["tid"]): row for row in run.threads()}
    assert sorted(rows) == sorted(tid(task) for task in mini.facts.tasks)
    for task in mini.facts.tasks:
        row = rows[tid(task)]
        assert (int(row["addr"], 16), row["state"], int(row["cpu"])) == (
            task.addr,
            letter(task),
            task.cpu,
        )
        if task.comm.isalnum():
            assert row["comm"] == task.comm.decode()
    (selected,) = [row for row in run.threads() if row["mark"] == "*"]
    assert int(selected["tid"]) == mini.facts.running(1).pid


def test_a_machine_that_did_not_panic_stops_in_its_busy_task(
    plugin: None, mini_elf: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, tasks=5, cpus=2, qemu=True)
    dump = written(mini, mini_elf, tmp_path / "vmcore")
    status = launch(dump.vmcore, dump.vmlinux, "-c", "pykdump status --json").json()
    assert status["panic_cpu"] is None
    assert status["panic_task"]["pid"] == mini.facts.running(1).pid


def test_registers_of_a_running_task_are_those_of_its_cpu(panicked: MiniDump) -> None:
    run = launch(
        *(panicked.vmlinux, panicked.vmcore, "-c", "p/x $pc", "-c", "thread find swapper/0"),
        *("-c", f"pykdump threads add {panicked.facts.running(1).pid}", "-c", "thread 1"),
        *("-c", "p/x $pc"),
    )
    values = [int(value, 16) for value in re.findall(r"^\$\d+ = (0x\w+)", run.out, re.MULTILINE)]
    assert values == [panicked.facts.regs[1]["rip"], panicked.facts.regs[0]["rip"]]
    assert run.status == 0, run.err


def test_functions_find_tasks_cpus_per_cpu_variables_and_containers(panicked: MiniDump) -> None:
    facts = panicked.facts
    run = launch(
        panicked.vmcore,
        panicked.vmlinux,
        *("-c", "p/x $pyk_task(3)", "-c", "p $pyk_current(1)->pid"),
        *("-c", 'p $pyk_per_cpu("runqueues", 2).curr == $pyk_current(2)'),
        *("-c", 'p $pyk_container_of(&init_task.tasks, "struct task_struct", "tasks")->comm'),
        *("-c", "p init_task.comm", "-c", "x/gx &init_task"),
    )
    assert run.status == 0, run.err
    assert f"$1 = {facts.task(3).addr:#x}" in run.out
    assert f"$2 = {facts.running(1).pid}\n" in run.out
    assert "$3 = 1\n" in run.out
    assert '$4 = "swapper/0' in run.out and '$5 = "swapper/0' in run.out


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("$pyk_task(99999)", "no task has pid 99999"),
        ("$pyk_task()", "wrong number of arguments; $pyk_task(PID)"),
        ("$pyk_current(77)", "CPU 77"),
        ('$pyk_per_cpu("jiffies_64", 0)', "jiffies_64 is no per-CPU variable"),
        ('$pyk_per_cpu("no_such", 0)', "no_such is unknown"),
        ('$pyk_container_of(0, "struct rq", "no_such")', "struct rq has no member no_such"),
    ],
)
def test_functions_refuse_with_a_sentence(
    expression: str, sentence: str, panicked: MiniDump
) -> None:
    run = launch(panicked.vmcore, panicked.vmlinux, "-c", f"p {expression}")
    assert run.status == 2
    assert sentence in run.err and "Traceback" not in run.err


def test_settings_are_given_back_and_nothing_stays_behind_after_close(
    panicked: MiniDump, tmp_path_factory: pytest.TempPathFactory
) -> None:
    runtime = tmp_path_factory.mktemp("r")
    names = "confirm", "pagination", "height", "remotetimeout", "dcache size", "dcache line-size"
    shows = [f"show {name}" for name in names] + ["info mem"]
    links = "os.readlink(f) for f in glob.glob('/proc/self/fd/*') if os.path.islink(f)"
    shows.append(f"python import glob, os; print(sum('socket:' in link for link in ({links})))")
    run = gdb(
        *(*shows, f"pykdump open {panicked.vmcore}", "pykdump close", *shows),
        args=[panicked.vmlinux],
        env={"XDG_RUNTIME_DIR": str(runtime)},
    )
    before, after = re.split(r"vmcore: ELF.*\npanic on .*\n", run.out)
    assert after == before
    assert not list(runtime.iterdir())


@pytest.mark.parametrize("leave", ["detach", "disconnect", "kill", "pykdump close"])
def test_leaving_a_dump_by_any_command_closes_it_and_another_opens(
    leave: str, panicked: MiniDump
) -> None:
    again = f"pykdump open {panicked.vmcore}"
    count = 'python import os; print("threads", len(os.listdir("/proc/self/task")))'
    run = gdb(
        *(count, again, leave, "pykdump status", count, again, again, "pykdump status"),
        args=[panicked.vmlinux],
    )
    assert run.err.count("no dump is open; open one with: pykdump open VMCORE") == 1, run.err
    assert run.out.count("panic on CPU 1") == 3
    counts = re.findall(r"^threads (\d+)", run.out, re.MULTILINE)
    assert counts[0] == counts[1]
    assert "kernel:" in run.out


@pytest.mark.parametrize("command", ["run", "continue", "stepi", "set var init_task.pid = 7"])
def test_what_a_dump_cannot_do_is_refused_and_the_session_goes_on(
    command: str, panicked: MiniDump
) -> None:
    run = gdb(
        f"pykdump open {panicked.vmcore}", command, "p init_task.comm", args=[panicked.vmlinux]
    )
    assert '= "swapper/0' in run.out


def test_first_opening_makes_the_index_and_later_ones_use_it(
    panicked: MiniDump, tmp_path: Path
) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    ask = ("-c", "maint show dwarf synchronous", "-c", "show index-cache stats")
    runs = [launch(panicked.vmcore, panicked.vmlinux, *ask, env=env) for _ in range(2)]
    # GDB 15 and newer read debug info beside the session and need no index the first time.
    for run in runs[1:] if "DWARF reading" in runs[0].out else runs:
        assert re.search(r"Cache hits \(this session\): [1-9]", run.out), run.out
    (folder,) = (tmp_path / "pykdump").glob("gdb-index-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [file.suffix for file in folder.iterdir()] == [".gdb-index"]


def test_more_tasks_than_the_cap_are_added_by_pid_comm_or_all(
    plugin: None, mini_elf: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, tasks=9000, cpus=2)
    dump = written(mini, mini_elf, tmp_path / "vmcore")
    thread = next(t for t in mini.facts.tasks if not t.is_leader and t.state == INTERRUPTIBLE)
    run = launch(
        *(dump.vmcore, dump.vmlinux, "-c", "pykdump threads", "-c", "thread find D cpu"),
        *("-c", f"pykdump threads add {thread.pid}", "-c", "pykdump threads add all"),
    )
    assert run.status == 0, run.err
    total = len(mini.facts.tasks)
    shown = [int(count) for count in re.findall(r"(\d+) of \d+ tasks are threads", run.out)]
    assert shown[0] < 8001 and shown[1] == shown[0] + 1 and shown[2] == total
    blocked = sum(
        task.state == UNINTERRUPTIBLE and not task.exit_state for task in mini.facts.tasks
    )
    assert len(re.findall("has extra info", run.out)) == blocked
    assert f"{total} tasks are more than GDB can list quickly" in run.err


def test_gdb_with_vmlinux_and_vmcore_on_its_command_line_is_taken_over(
    panicked: MiniDump, tmp_path: Path
) -> None:
    mini = mini_machine(panicked.vmlinux, tasks=3)
    kdump = tmp_path / "vmcore.kdump"
    write_diskdump(mini.machine, kdump)
    for core in (panicked.vmcore, kdump):
        for args in ([panicked.vmlinux, core], [panicked.vmlinux, f"--core={core}"]):
            run = gdb("info threads", args=args)
            assert "pykdump opens it" in run.out
            assert len(run.threads()) >= 5


def test_gdb_with_a_user_core_is_left_alone(plugin: None, tmp_path: Path) -> None:
    core = tmp_path / "core"
    subprocess.run(
        ["gdb", "-nx", "-batch", "-ex", "starti", "-ex", f"gcore {core}", "/bin/true"],
        capture_output=True,
    )
    if not core.exists():
        pytest.skip("gdb cannot run a program here, so there is no user core to look at")
    run = gdb("info inferiors", args=["/bin/true", core])
    assert "(core)" in run.out and "pykdump opens it" not in run.out


def test_loading_the_plugin_twice_is_harmless(panicked: MiniDump) -> None:
    run = gdb(f"source {INIT}", f"pykdump open {panicked.vmcore}", args=[panicked.vmlinux])
    assert (run.err, run.status) == ("", 0)


def test_launcher_works_through_a_symlink_and_from_another_folder(
    panicked: MiniDump, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "somewhere" / "pykdump"
    link.parent.mkdir()
    link.symlink_to(LAUNCHER)
    monkeypatch.chdir(panicked.vmcore.parent)
    words = [str(link), "--nx", "--batch", panicked.vmcore.name, str(panicked.vmlinux)]
    run = launch(*words[3:])
    env = {**os.environ, "PYKDUMP_BUILD": str(BUILD)}
    done = subprocess.run(words, capture_output=True, text=True, env=env)
    assert (done.returncode, done.stdout) == (run.status, run.out)


def test_launcher_ends_with_2_when_the_dump_or_a_command_fails(panicked: MiniDump) -> None:
    both = panicked.vmcore, panicked.vmlinux
    assert launch(*both, "-c", "p 1").status == 0
    failed = launch(*both, "-c", "nonsense", "-c", "p 40 + 2")
    assert failed.status == 2 and "$1 = 42" in failed.out
    not_opened = launch(sys.executable, panicked.vmlinux, "-c", "p 40 + 2")
    assert not_opened.status == 2 and "= 42" not in not_opened.out
