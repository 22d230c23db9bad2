# SPDX-License-Identifier: GPL-2.0-or-later
"""Small dumps of panics: the log, the panicked task and the guilty function beside the console."""

from __future__ import annotations

import re

from gdb_run import launch

from harness import Vmcore
from harness.panics import console_facts, planted_facts

CONSOLE = """PYKDUMP: ready\r
[    2.705085] PYKDUMP: fact {"function": "guilty", "pid": 94, "task": "0xffff8df74285c180"}\r
[    2.706666] BUG: kernel NULL pointer dereference, address: 0000000000000028\r
[    2.707766] CPU: 1 UID: 0 PID: 94 Comm: planted-null Tainted: G           OE\r
[    2.707766] RIP: 0010:guilty+0x62/0x70 [pykdump_panic]\r
[    2.707766] Call Trace:\r
[    2.707766]  <TASK>\r
[    2.707766]  caller+0x17/0x20 [pykdump_panic]\r
[    2.707766]  ? left_over+0x17/0x20\r
[    2.707766]  ksys_write+0x6b/0xf0\r
[    2.707766]  </TASK>\r
[    2.707766]  not_of_it+0x6b/0xf0\r
[    2.707766] Kernel panic - not syncing: Fatal exception\r
"""


def test_the_harness_reads_the_console() -> None:
    assert planted_facts(CONSOLE) == {"function": "guilty", "pid": 94, "task": 0xFFFF8DF74285C180}
    facts = console_facts(CONSOLE)
    assert len(facts.pop("lines")) == 11
    assert facts == {
        "title": "BUG: kernel NULL pointer dereference, address: 0000000000000028",
        "panic": "Fatal exception",
        "rip": "guilty+0x62/0x70",
        "trace": ["caller", "ksys_write"],
        "panicked": {"cpu": 1, "pid": 94, "comm": "planted-null"},
    }


def test_a_panic_is_told_as_the_console_did(panic_dump: Vmcore) -> None:
    (files,) = panic_dump.forms.values()
    commands = ["-c", "pykdump log", "-c", "pykdump status --json", "-c", "pykdump stack -A --json"]
    run = launch(panic_dump.vmlinux, *files, "--batch", *commands)
    facts, console = panic_dump.facts, panic_dump.facts["console"]

    log = {re.sub(r"^\[ *\d+\.\d+\]", "", line).strip() for line in run.out.splitlines()}
    assert [line for line in console["lines"] if line.strip() not in log] == []

    status, stacks = run.json_all()
    assert status["panic_message"] == f"Kernel panic - not syncing: {console['panic']}"
    if console["panicked"]:
        panicked = {key: status["panic_task"][key] for key in ("pid", "comm")}
        assert {**panicked, "cpu": status["panic_cpu"]} == console["panicked"]

    # Where the kernel itself saw the guilty function: not behind a call of data.
    if facts.get("function") in [(console["rip"] or "").split("+")[0], *console["trace"]]:
        tasks = {int(stack["task_addr"], 16): stack for stack in stacks["stacks"]}
        stack = tasks[facts["task"]]
        assert facts["function"] in [frame["function"] for frame in stack["frames"]]
