# SPDX-License-Identifier: GPL-2.0-or-later
# flake8: noqa: F403, F405
"""Run inside GDB: what a script sees of tasks, files and tables, written to $CLASSIC_OUT."""

import contextlib
import io
import json

from LinuxDump.BTstack import exec_bt
from LinuxDump.crashcolor import *
from LinuxDump.crashhelper import *
from LinuxDump.dlkm import *
from LinuxDump.Files import *
from LinuxDump.fs import *
from LinuxDump.fs.dcache import *
from LinuxDump.fs.ext3 import showExt3
from LinuxDump.fs.fs_h import FILE_MODE_FLAGS, MNT_FLAGS, MS_FLAGS
from LinuxDump.kernfs import *
from LinuxDump.kobjects import *
from LinuxDump.Slab import *
from LinuxDump.syscall import *
from LinuxDump.sysctl import *
from LinuxDump.sysfs import *
from LinuxDump.Tasks import *


def printed(function, *args):
    """What a function prints."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        function(*args)
    return text.getvalue()


def task_facts(task):
    """What a script asks of a task."""
    return {
        "text": str(task),
        "comm": task.comm,
        "state": task.state,
        "threads": sorted(thread.pid for thread in task.threads),
        "cpu": task.cpu,
        "ran_ago": task.Ran_ago,
        "fds": [(fd, int(filep)) for fd, filep, dentry, inode in task.taskFds()],
        "children": sorted(child.pid for child in task.taskChildren()),
        "has_children": task.hasChildren(),
        "uid": int(task.Uid) if task.pid else 0,
        "mem": get_task_mem_usage(int(task)),
        "socks": len(task.get_task_socks()),
        "pid_ns": int(task.task_ns() or 0),
        "struct_pid": int(task.task_get_pid()),
        "two_letters": task_state_str(getTaskState(task)),
        "parent": task.Realparent.pid,
        "last_ran": task.ts._Last_ran == task.ts.Last_ran,
    }


def disk_of(mount):
    """Name of the disk of a mount, found from the folder of its device in sysfs."""
    (sb,) = {entry[1] for entry in getMount() if entry[4] == mount}
    bdev = readSU("struct super_block", sb).s_bdev
    whole = bdev.bd_disk.part0
    # Before 5.11 the device of a disk was in its hd_struct, which was part of it.
    disk = gendev2sd(whole.__dev if whole.hasField("__dev") else bdev.bd_device)
    return blockdev_name(disk.parent.parent), sysfs_fullpath(disk)


def planted(facts):
    """What there is of what the guest planted."""
    module = facts["module"]
    with contextlib.suppress(KeyError):
        get_slab_addrs("nosuch")
        return None
    pipe_reader = facts["planted"]["pipe_reader"]["pid"]
    return {
        "klist": [int(node) for node in klistAll(module["klist"]["klist"])],
        "waiting": [
            int(task)
            for thread in module["threads"]
            if thread["waits_for"] == "wait_queue"
            for task in decode_waitq(thread["object"])
        ],
        "slab": get_slab_addrs(module["slab"]["name"]),
        "call": printed(decode_Stacks, exec_bt(f"bt {pipe_reader}")),
        "disk": disk_of(facts["planted"]["frozen_fs_writer"]["mount"]),
        "node": addr2sym(module["init_task"]),
        "dm_mod": [loadModule("dm_mod"), struct_exists("struct mapped_device")],
        "shell": run_crash_command("!echo from the shell"),
    }


WILD = 0xFFFF_0000_0000_0000


def damaged():
    """What functions make of addresses where nothing is, and what was said about it."""
    found = [decode_waitq(WILD), read_dir(WILD), klistAll(WILD), list(kndir_iterate(WILD))]
    found += [vma2sysv(WILD), getCtlData(WILD), get_dentry_name(WILD), kernfs_fullpath(WILD)]
    return [*found, "unreadable" in printed(print_dentry, WILD), len(pylog.problems())]


def main():
    """Collect and write."""
    table = TaskTable()
    tables = getCtlTables()
    root, vfsmnt = pathname2dentry("/")
    dev, _ = pathname2dentry("/dev/null")
    block = readSU("struct kernfs_node", readSymbol("sysfs_root_kn"))
    found = {
        "tasks": {task.pid: task_facts(task) for task in table.allTasks() if task.pid},
        "threads": [task.pid for task in table.allThreads()],
        "same": TaskTable() is table,
        "first": table.tt[0].comm,
        "none": [table.getByPid(4194303), table.getByTid(4194303), table.getByComm("nobody")],
        "spaces": len(table.pidnamespaces),
        "basems": table.basems,
        "summary": printed(tasksSummary),
        "uptime": [get_uptime(), jiffie_clock_base()],
        "ipcs": [tuple(shm) for shm in get_ipcs_m().values()],
        "reports": [
            printed(print_namespaces_info, table, 1),
            printed(print_pid_namespaces, table),
            printed(print_memory_stats),
            printed(print_mm_stats, table.getByPid(1).mm),
            printed(showExt3),
            printed(walk_kdir, int(next(kndir_iterate(block)))),
            printed(pidFiles(1).printFiles),
        ],
        "shm_usage": get_task_shm_usage(table.getByPid(1)),
        "aio": len(get_ioctx_list(table.getByPid(1))),
        "runqueues": [len(getRunQueues()), len(runqueues_addrs)],
        "mounts": [entry[2:] for entry in getMount()],
        "root": [get_dentry_name(root), bool(IS_ROOT(root)), sb2Vfsmnt(root.d_sb), int(vfsmnt)],
        "frozen": sorted(entry[4] for entry in getMount() if sb_frozen(entry[1])),
        "ls": printed(ls_pathname, "/dev"),
        "null": [printed(print_dentry, dev, 0, 0), S_ISCHR(dev.d_inode.i_mode)],
        "read_dir": len(read_dir(dev.d_parent)),
        "files": {fd: info[4] for fd, info in pidFiles(1).files.items()},
        "filesR": filesR("/dev/null"),
        "modules": {name: int(addr) for name, addr in lsmod().items()},
        "tables": {name: getCtlData(ct) for name, ct in tables.items()},
        "syscalls": get_SysCallTable()[:3],
        "call": generic_decoder("read", [3, 0x7FFE00, 512]),
        "flags": [FILE_MODE_FLAGS.FMODE_WRITE, MS_FLAGS["MS_RDONLY"], MNT_FLAGS.MNT_READONLY],
        "tflags": decode_tflags(0xC, 4),
        "api": [readSU("struct task_struct", table.tt[0].ts).comm, os.sep, HZ],
        "damaged": damaged(),
        "planted": planted(json.load(open(os.environ["CLASSIC_FACTS"], encoding="utf-8"))),
        "kernfs": [decode_kernfs_node(kn) for kn in kndir_iterate(block)],
    }
    with open(os.environ["CLASSIC_OUT"], "w", encoding="utf-8") as file:
        json.dump(found, file)


main()
