# SPDX-License-Identifier: GPL-2.0-or-later
# flake8: noqa: F403, F405
"""A script as users of the classic API write them: processes, modules and file systems."""

from pykdump.API import *

init = readSymbol("init_task")
for task in readSUListFromHead(Addr(init.tasks), "tasks", "struct task_struct"):
    print("task", task.pid, task.comm, task.prio, task.mm.total_vm if task.mm else 0)
for module in ListHead(sym2addr("modules"), "struct module").list:
    print("module", module.name, Addr(module))
for sb in readSUListFromHead(sym2addr("super_blocks"), "s_list", "struct super_block"):
    print("sb", sb.s_type.name, sb.s_blocksize, sb.s_root.d_inode.i_ino)
