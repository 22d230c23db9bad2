# SPDX-License-Identifier: GPL-2.0-or-later
"""Scripts on real dumps, beside what the guest's /proc said."""

from __future__ import annotations

import re
from pathlib import Path

from gdb_run import launch

from harness import Vmcore

#: As users write them: a star import, the KeyError idiom, names that leak from the API.
SCRIPT = """\
from pykdump.API import *

init = readSymbol("init_task")
print("head", init.comm, init.pid, len(init) == struct_size("struct task_struct"))
for task in readSUListFromHead(Addr(init.tasks), "tasks", "struct task_struct"):
    try:
        state = task.__state
    except KeyError:
        state = task.state
    print("task", task.pid, task.comm)
try:
    readSU("struct task_struct", 0).pid
except crash.error:
    print("no memory at 0")
sys.exit(2)
"""


def test_a_script_lists_the_processes_that_proc_listed(vmcore: Vmcore, tmp_path: Path) -> None:
    script = tmp_path / "tasks.py"
    script.write_text(SCRIPT)
    files = next(iter(vmcore.forms.values()))
    run = launch(vmcore.vmlinux, *files, "-c", f"pyk-run {script}")
    found = {int(pid): comm for pid, comm in re.findall(r"^task (\d+) (.*)$", run.out, re.M)}
    planted = [fact for fact in vmcore.facts["planted"].values() if "comm" in fact]
    leaders = {task["pid"] for task in vmcore.facts["tasks"] if task["pid"] == task["tgid"]}
    for fact in planted:
        if fact["pid"] in leaders:
            assert found[fact["pid"]] == fact["comm"]
    assert (found[1], found[2]) == ("init", "kthreadd") and 0 not in found
    assert "head swapper/0 0 True\n" in run.out and "no memory at 0\n" in run.out
    assert run.out.count(" -- sys.exit(2) --\n") == run.out.count(" ** Execution took") == 1
