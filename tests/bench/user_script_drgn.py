# SPDX-License-Identifier: GPL-2.0-or-later
"""Run by drgn: prints what user_script.py prints, twice, and the seconds of each time."""

import contextlib
import io
import time

from drgn.helpers.linux.list import list_for_each_entry

prog = globals()["prog"]


def script():
    """The same work by drgn's own means."""
    head = prog["init_task"].tasks.address_of_()
    for task in list_for_each_entry("struct task_struct", head, "tasks"):
        comm = task.comm.string_().decode("ascii", "backslashreplace")
        vm = task.mm.total_vm.value_() if task.mm else 0
        print("task", task.pid.value_(), comm, task.prio.value_(), vm)
    for module in list_for_each_entry("struct module", prog["modules"].address_of_(), "list"):
        print("module", module.name.string_().decode(), module.value_())
    supers = prog["super_blocks"].address_of_()
    for sb in list_for_each_entry("struct super_block", supers, "s_list"):
        kind = sb.s_type.name.string_().decode()
        print("sb", kind, sb.s_blocksize.value_(), sb.s_root.d_inode.i_ino.value_())


for _ in range(2):
    text = io.StringIO()
    started = time.perf_counter()
    with contextlib.redirect_stdout(text):
        script()
    print(text.getvalue() + f"SECONDS {time.perf_counter() - started}")
