# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks that are formatted by shape say the same as those that are formatted one by one."""

from __future__ import annotations

import json
from pathlib import Path

from gdb_run import launch

from harness import Vmcore

SCRIPT = """\
import json
from crashcmd import bt_forms, bt_lines, bt_shapes, run
from LinuxDump import stack_details
from LinuxDump.task_records import task_table

tasks = sorted(task_table().tasks, key=lambda task: (task.pid, task.cpu))
command, different, plain = run.find("bt"), [], 0
for options in ("", "-s", "-s -x", "-f", "-F", "-FF", "-t", "-T", "-e", "-o", "-r"):
    given = command.parse(options)
    alone = ["\\n".join(bt_lines.lines(stack, given)) for stack in stack_details.task_stacks(tasks)]
    if exec_crash_command(f"foreach bt {options}") != "\\n\\n".join(alone) + "\\n":
        different.append(options)
    chosen, texts = bt_shapes.plain_texts(tasks, bt_forms.form(given))
    plain = max(plain, len(chosen) - sum(text is None for _, text in texts))
with open(sys.argv[1], "w") as file:
    json.dump([different, plain, len(tasks)], file)
"""


def test_stacks_by_shape_and_one_by_one_are_the_same_text(vmcore: Vmcore, tmp_path: Path) -> None:
    (tmp_path / "ask.py").write_text(SCRIPT)
    files = next(iter(vmcore.forms.values()))
    run = launch(vmcore.vmlinux, *files, "-c", f"pyk-run {tmp_path}/ask.py {tmp_path}/out.json")
    assert run.status == 0, run.err
    different, plain, tasks = json.loads((tmp_path / "out.json").read_text())
    assert different == []
    # All but those that were on a CPU, and a few that an interrupt came upon.
    assert 0.8 * tasks < plain < tasks
