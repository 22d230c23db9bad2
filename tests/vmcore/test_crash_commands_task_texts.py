# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts of very many task_structs are, byte by byte, what GDB prints of each."""

from __future__ import annotations

import json
from pathlib import Path

from gdb_run import launch

from harness import Vmcore

SCRIPT = """\
import json
from crashcmd import struct_texts

MEMBERS = "comm,pid,se,cpus_mask,restart_block,pid_links,real_parent,sched_class,thread,stack"
commands = ["foreach task", f"foreach task -R {MEMBERS}", "foreach task -R pid -R comm"]
texts = [exec_crash_command(command) for command in commands]
ours, asked = 0, struct_texts.StructTexts.of

def count(self, addrs):
    global ours
    for text in asked(self, addrs):
        ours += text is not None
        yield text

def none(self, addrs):
    return iter([None] * len(addrs))

struct_texts.StructTexts.of = count
for command in commands:
    exec_crash_command(command)
struct_texts.StructTexts.of = none
same = [exec_crash_command(command) == text for command, text in zip(commands, texts)]
tasks = texts[0].count("COMMAND: ")
with open(sys.argv[1], "w") as file:
    json.dump([same, ours, tasks], file)
"""


def test_task_structs_have_the_text_that_gdb_prints(vmcore: Vmcore, tmp_path: Path) -> None:
    (tmp_path / "ask.py").write_text(SCRIPT)
    files = next(iter(vmcore.forms.values()))
    run = launch(vmcore.vmlinux, *files, "-c", f"pyk-run {tmp_path}/ask.py {tmp_path}/out.json")
    assert run.status == 0, run.err
    same, ours, tasks = json.loads((tmp_path / "out.json").read_text())
    assert same == [True, True, True]
    # Both structs of each task, and the members; GDB is asked for what cannot be read.
    assert ours > 13 * tasks
