# SPDX-License-Identifier: GPL-2.0-or-later
# flake8: noqa: F821, E731
"""Run by pyk-run, without an import: what scripts may count on, by number; prints those that hold.

1 to 4 and the end of 33 are about runs: test_checklist.py looks at them from outside.
"""

TASK = "struct task_struct"
t = readSymbol("init_task")
init = readSU(TASK, pid_to_task(1))
calls = []


def raises(kind, function, *args):
    """Whether a call raises this, or a class derived from it."""
    try:
        function(*args)
    except kind:
        return True
    return False


def printed(function):
    """What a function prints."""
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        function()
    return text.getvalue()


class Spelled:
    """Names within a class are spelled otherwise."""

    def state(self, task):
        """The state, on kernels that call it so."""
        return task.__state


def deep(maxel, **kw):
    """Reads tasks, for the name of its caller."""
    return readSUListFromHead("init_task", "tasks", TASK, maxel=maxel, **kw)


def counted(number):
    """Notes each call."""
    calls.append(number)
    return number


def user_memory():
    """The same memory by both roads; the task stays set for the next script to find it reset."""
    addr, task = init.mm.arg_start, int(init)
    direct = readProcessMem(task, addr, 4)
    set_readmem_task(task)
    return readmem(addr, 4) == direct


def filtered():
    """Whether user memory is not in the dump."""
    return raises(crash.error, readProcessMem, int(init), init.mm.arg_start, 4)


once = memoize_cond(0)(counted)
two = TrueOnce(2)
CASES = {
    5: lambda: [readSU, CDefine, sys, string, re, os, time, crash],
    6: lambda: isinstance(t, int)
    and int(t) == sym2addr("init_task")
    and len(t) == struct_size(TASK)
    and str(t) == "<struct task_struct 0x%x>" % t
    and bool(readSU(TASK, 0)) is False,
    7: lambda: t == int(t)
    and {t: 1}[int(t)] == 1
    and t + 1 == int(t) + len(t)
    and t - 1 == int(t) - 1
    and 1 + t == int(t) + 1,
    8: lambda: raises(KeyError, lambda: t.nosuchfield)
    and raises(TypeError, readSU, "struct nosuch", 1)
    and raises(TypeError, getStructInfo, "struct nosuch"),
    9: lambda: raises(IndexError, lambda: readSU("struct list_head", 0).next)
    and raises(crash.error, lambda: readSU(TASK, 0).pid)
    and raises(IndexError, readmem, 0, 8),
    10: lambda: t.comm == "swapper/0"
    and len(t.comm.ByteArray) == 16
    and isinstance(t.tasks, StructResult)
    and isinstance(t.active_mm, StructResult)
    and Addr(t.tasks) == Addr(t, "tasks") == int(t) + member_offset(TASK, "tasks")
    and raises(TypeError, Addr, 5),
    11: lambda: [m.name for m in ListHead(sym2addr("modules"), "struct module").list]
    == lsModules(),
    12: lambda: type(init.sched_class.enqueue_task) is int
    and addr2sym(init.sched_class.enqueue_task).startswith("enqueue_task")
    and isinstance(t.stack, tPtr)
    and raises(TypeError, lambda: t.stack.Deref)
    and raises(IndexError, lambda: tPtr(0, TypeInfo("int *")).Deref),
    13: lambda: "%d" % readSymbol("system_state") == str(enumerator_value("SYSTEM_RUNNING"))
    and "%s" % readSymbol("system_state") == "SYSTEM_RUNNING"
    and type(readSymbol("hrtimer_resolution")) is int
    and init.in_execve in (0, 1),
    14: lambda: isinstance(readSymbol("init_uts_ns").name.release, SmartString)
    and isinstance(init.mm.saved_auxv, list)
    and readSU("struct file_system_type", 0).hasField("name"),
    15: lambda: int(readSU("struct cred", 0).hasField("uid"))
    and isinstance(readSU("struct mem_section", int(t)).hasField("section_mem_map"), bool)
    and isinstance(readSU("struct rcu_state", sym2addr("rcu_state")).node[0], StructResult),
    16: lambda: init.sched_reset_on_fork
    == int(exec_gdb_command("output init_task.sched_reset_on_fork"))
    and init["sched_reset_on_fork"].bitsize == 1,
    17: lambda: init.hasField("pid")
    and member_offset(TASK, "se.exec_start")
    == int(exec_gdb_command("output/d (long)&((struct task_struct *)0)->se.exec_start"))
    and member_offset(TASK, "mm.pgd") == -1
    and readSU("struct page", 0).hasField("mapping"),
    18: lambda: int(init.Eval("mm.pgd")) == int(init.mm.pgd)
    and raises(TypeError, init.Eval, "mm.nosuch"),
    19: lambda: not t.hasField("__state") or Spelled().state(t) == t.__state,
    20: lambda: container_of(Addr(t.tasks), TASK, "tasks") == t,
    21: lambda: t not in readSUListFromHead(Addr(t.tasks), "tasks", TASK)
    and readSUListFromHead(Addr(t.tasks), "tasks", TASK, inchead=True)[0] == t
    and deep(None)[0] == init,
    22: lambda: re.search(r"\+WARNING\+.*maxel=3.*\n *deep <- ", printed(lambda: deep(3)))
    and len(deep(3, warn=False)) == 3
    and printed(lambda: deep(3, warn=False)) == "",
    24: lambda: sym2addr("nosuch") == 0
    and addr2sym(sym2addr("schedule") + 1) is None
    and addr2sym(sym2addr("schedule") + 1, True) == ("schedule", 1),
    25: lambda: raises(TypeError, readSymbol, "nosuch")
    and raises(TypeError, whatis, "nosuch")
    and struct_size("struct nosuch") == -1
    and enumerator_value("nosuch") is None,
    26: lambda: EnumInfo("enum pid_type").PIDTYPE_PID == 0
    and EnumInfo("enum pid_type").getnam(0) == "PIDTYPE_PID"
    and EnumInfo("enum pid_type").getnam(999) == "<enum pid_type, bad value 999>"
    and EnumInfo("MM_FILEPAGES").MM_ANONPAGES == 1,
    27: lambda: CDefine("#define S_IFMT  00170000\n#define B S_IFMT /* c */").B == 0o170000
    and CEnum("enum x { A = 1, B, };").B == 2
    and dbits2str(5, {"A_X": 1, "A_Y": 4, "A_Z": 5}, 2) == "X|Y",
    28: lambda: structSetAttr(TASK, "X", ["nosuch", "pid"])
    and init.X == 1
    and init.hasField("X")
    and structSetAttr(TASK, "Y", ["nosuch"]) is False,
    29: lambda: raises(crash.error, exec_crash_command, "nosuchcommand")
    and "Linux version" in exec_crash_command_bg("log", timeout=60),
    30: lambda: (once(1), once(1), len(calls), once(1, MEMOIZE=False), len(calls))[2::2] == (1, 2)
    and PY_select("nosuch.x", "1+1") == 2,
    31: lambda: printed(lambda: pylog.warning("a", 1)) == "+++WARNING+++ a 1\n"
    and DCache.tmp.nosuch is None
    and [bool(two) for _ in range(3)] == [True, True, False],
    32: lambda: crash.mem2long(b"\1\0\0\0") == 1
    and type(crash.mem2long(b"\1", array=1)) is int
    and crash.mem2long(b"\1\2", array=2) == [1, 2]
    and crash.mem2long(b"\xff\xff", signed=True) == -1,
    33: lambda: filtered() or user_memory(),
    34: lambda: __import__("pykdump.Generic", fromlist=["SUInfo"]).SUInfo
    is __import__("pykdump.datatypes", fromlist=["SUInfo"]).SUInfo
    is SUInfo
    and {"os", "readSU"} <= set(__import__("LinuxDump.Tasks", fromlist=["Task"]).__all__),
}

for number, case in CASES.items():
    try:
        print("line", number, "holds" if case() else "DOES NOT HOLD")
    except Exception as error:
        print("line", number, "FAILS:", type(error).__name__, error)
