# SPDX-License-Identifier: GPL-2.0-or-later
"""The classic API on real dumps: what it reads is what the guest wrote down of itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from api_run import Answers, evaluate

from harness import Vmcore

T = 'readSymbol("init_task")'
TASK = '"struct task_struct"'
INIT = "StructResult('struct task_struct', pid_to_task(1))"

EXPRESSIONS = {
    "leaders": f'[(t.pid, t.comm) for t in readSUListFromHead("init_task", "tasks", {TASK})]',
    "modules": '[m.name for m in ListHead(sym2addr("modules"), "struct module").list]',
    "lsModules": "lsModules()",
    "release": 'readSymbol("init_uts_ns").name.release',
    "schedule": '(addr2sym(sym2addr("schedule")), addr2sym(sym2addr("schedule") + 1),'
    ' addr2sym(sym2addr("schedule") + 1, True))',
    "stext": '(sym2addr("_stext"), sym2addr("nosuch"), symbol_exists("nosuch"))',
    "module symbols": 'sorted({addr2mod(a) or "" for a in sym2alladdr("cleanup_module")})',
    "vmas": f"[(v.vm_start, v.vm_end) for v in readStructNext({INIT}.mm.mmap, 'vm_next')]",
    "pwd": f"get_pathname({INIT}.fs.root.dentry, {INIT}.fs.root.mnt)",
    "threads": "[(t.pid, [o.pid for o in readSUListFromHead(Addr(t.thread_group),"
    f' "thread_group", {TASK})]) for t in readSUListFromHead("init_task", "tasks", {TASK})]',
    "children": "[c.pid for c in" f' readSUListFromHead(Addr({INIT}.children), "sibling", {TASK})]',
    "user memory": f"readProcessMem(pid_to_task(1), {INIT}.mm.arg_start, 4)",
    "user memory by readmem": f"(set_readmem_task(pid_to_task(1)),"
    f" readmem({INIT}.mm.arg_start, 4), set_readmem_task(0))[1]",
    "state": f"({INIT}.state, {INIT}.hasField('state') or {INIT}.hasField('__state'))",
    "function pointer": f"addr2sym({INIT}.sched_class.enqueue_task)",
    "no pid": "(pid_to_task(4194303), task_to_pid(8), task_to_pid(pid_to_task(1)))",
    "nsproxy": f"get_nsproxy() == {INIT}.nsproxy",
    "enum": 'EnumInfo("enum pid_type").PIDTYPE_PID',
    "dentries": "[str(SmartString(d.d_name.name)) for d in readSUListFromHead("
    f"Addr({INIT}.fs.root.dentry.d_subdirs), 'd_child', 'struct dentry')]",
    "core": "[(m.name, m.core_layout.size, m.core_layout.base, m.module_core)"
    ' for m in ListHead(sym2addr("modules"), "struct module").list]',
    "pages": "readSUArray('struct page', phys_to_page(0x1000), 4)[3] =="
    " phys_to_page(0x1000) + 3 * struct_size('struct page')",
}

PERCPU = "__import__('LinuxDump.percpu', fromlist=['CPUS'])"
EXPRESSIONS.update(
    {
        "offsets": f"(list({PERCPU}.per_cpu_offsets), {PERCPU}.CPUS,"
        " readSymbol('__per_cpu_offset'))",
        "runqueues": "(__import__('LinuxDump.Tasks'), [addr - ptr for addr, ptr in zip("
        f"vmcorearch.sys_info.runqueues_addrs, {PERCPU}.get_cpu_var('runqueues'))])[1]",
        "panic": "vmcorearch.sys_info.PANIC",
        "memory": "[crash.get_task_mem_usage(pid_to_task(n)) for n in (1, 2)]",
        "static symbols": "(sym2alladdr('_stext'), [a for n in ('cleanup_module', 'init_module',"
        " 'show') for a in sym2alladdr(n) if addr2sym(a, True)[1] != 0], sym2alladdr('nosuch'))",
    }
)

#: Old names of members beside what they are now.
OLD_NAMES = {
    "counter": f"({INIT}.usage.counter, {INIT}.usage.refs.counter)",
    "page_tree": f"(lambda m: (m.page_tree, m.i_pages))({INIT}.mm.exe_file.f_mapping)",
    "pid_ns": f"({INIT}.nsproxy.pid_ns, {INIT}.nsproxy.pid_ns_for_children)",
    "bi_sector": "(lambda b: (b.bi_sector, b.bi_iter.bi_sector, b.bi_size, b.bi_iter.bi_size,"
    " b.bi_idx, b.bi_iter.bi_idx)[:2])(readSU('struct bio', sym2addr('init_task')))",
    "slab_cache": "(readSU('struct page', __import__('LinuxDump.pages').pages.head_of(phys_to_page("
    f"dump().translate(int({INIT}.files.fdt.fd[0]))))).slab_cache.name, 'filp')",
    "request": "(ArtStructInfo('struct scsi_cmnd'), readSU('struct scsi_cmnd', 0x10000).request,"
    " 0x10000 - struct_size('struct request'))[1:]",
    "state": f"({INIT}.state, {INIT}.__state if {INIT}.hasField('__state') else {INIT}.state)",
}
EXPRESSIONS["old names"] = f"[a == b for a, b in ({', '.join(OLD_NAMES.values())})]"
EXPRESSIONS["old names are no fields"] = (
    f"[{INIT}.usage.hasField('counter'), readSU('struct page', 0).hasField('slab_cache'),"
    " member_offset('struct nsproxy', 'pid_ns')]"
)

#: Ordinary and per-CPU symbols: KASLR moves the former only.
SYMBOLS = "init_task jiffies_64 schedule __per_cpu_offset runqueues nr_inodes cpu_number".split()
EXPRESSIONS.update(
    {
        "kallsyms": f"{{n: sym2addr(n) for n in {SYMBOLS}}}",
        "kallsyms of variables": f"[whatis(n).addr for n in {SYMBOLS[3:6]}]",
        "per-CPU pointers": f"[[int({PERCPU}.percpu_ptr(readSymbol('runqueues'), cpu)),"
        f" {PERCPU}.get_cpu_var('runqueues')[cpu],"
        f" {PERCPU}.get_cpu_var(sym2addr('runqueues'))[cpu],"
        f" sym2addr('runqueues') + {PERCPU}.per_cpu_offsets[cpu] & 2**64 - 1]"
        f" for cpu in range({PERCPU}.CPUS)]",
        "current": "[(readPtr(addr), readSU('struct rq', rq).curr == readPtr(addr)) for addr, rq"
        f" in zip({PERCPU}.get_cpu_var('current_task'), {PERCPU}.get_cpu_var('runqueues'))]",
        "type of current": f"{PERCPU}.get_cpu_var_type('current_task')",
        "cpu_number": f"[readS32(addr) for addr in {PERCPU}.get_cpu_var('cpu_number')]",
        "__percpu": "(lambda p: (type(p).__name__, p.ptrlev, str(p)))("
        "readSU('struct percpu_counter', sym2addr('vm_committed_as')).counters)",
        "which are per-CPU": f"[{PERCPU}.is_percpu_symbol(n) for n in ('runqueues', 'init_task',"
        " sym2addr('runqueues'), sym2addr('init_task'), 'nosuch')]",
    }
)

_answers: dict[str, Answers] = {}


@pytest.fixture
def answers(vmcore: Vmcore, tmp_path: Path) -> Answers:
    """The expressions in a dump; GDB runs once for all tests."""
    if vmcore.name not in _answers:
        files = next(iter(vmcore.forms.values()))
        found = evaluate(vmcore.vmlinux, files, EXPRESSIONS.values(), tmp_path)
        _answers[vmcore.name] = found
    return _answers[vmcore.name]


def plain(answers: Answers, name: str) -> Any:
    return answers.plain(EXPRESSIONS[name])


def test_processes_are_those_of_proc(vmcore: Vmcore, answers: Answers) -> None:
    listed = dict(plain(answers, "leaders"))
    # Kernel threads come and go between the guest's look and the dump.
    lasting = {
        t["pid"]: bytes.fromhex(t["comm_hex"]).decode("ascii", "backslashreplace")
        for t in vmcore.facts["tasks"]
        if t["pid"] == t["tgid"] and not t["kernel_thread"] and t["pid"] in listed
    }
    assert listed[1] == lasting[1]
    assert len(lasting) > 20
    assert {pid: listed[pid] for pid in lasting} == lasting


def test_threads_by_their_old_list_are_those_of_proc(vmcore: Vmcore, answers: Answers) -> None:
    planted: dict[int, set[int]] = {}
    for task in vmcore.facts["tasks"]:
        planted.setdefault(task["tgid"], set()).add(task["pid"])
    read = {leader: set(others) for leader, others in plain(answers, "threads")}
    several = {tgid for tgid, pids in planted.items() if len(pids) > 1 and tgid in read}
    assert several
    for tgid in several:
        assert read[tgid] | {tgid} == planted[tgid]
    assert all(0 not in others for others in read.values())


def test_mappings_by_their_old_list_are_those_of_proc(vmcore: Vmcore, answers: Answers) -> None:
    lines = vmcore.facts["processes"]["1"]["maps"].splitlines()
    ranges = [
        [int(part, 16) for part in re.match(r"(\w+)-(\w+)", line).groups()]  # type: ignore
        for line in lines
        if "[vsyscall]" not in line
    ]
    assert plain(answers, "vmas") == ranges


def test_modules_are_those_that_were_loaded(vmcore: Vmcore, answers: Answers) -> None:
    assert plain(answers, "modules") == plain(answers, "lsModules")
    assert set(vmcore.facts["module_sections"]) <= set(plain(answers, "modules"))
    assert len(plain(answers, "module symbols")) > 10


def test_symbols_have_the_guests_addresses(vmcore: Vmcore, answers: Answers) -> None:
    assert plain(answers, "stext") == [vmcore.facts["symbols"]["_stext"], 0, False]
    assert plain(answers, "schedule") == ["schedule", None, ["schedule", 1]]
    assert re.match(r"enqueue_task_\w+$", plain(answers, "function pointer"))


def test_symbols_are_those_of_kallsyms_per_cpu_ones_too(vmcore: Vmcore, answers: Answers) -> None:
    known: dict[str, int] = {}
    for line in (vmcore.directory / "kallsyms.txt").read_text().splitlines():
        addr, _, name, *module = line.split()
        if not module:
            known.setdefault(name, int(addr, 16))
    assert eval(plain(answers, "kallsyms")) == {name: known.get(name, 0) for name in SYMBOLS}
    assert plain(answers, "kallsyms of variables") == [known[name] for name in SYMBOLS[3:6]]


def test_per_cpu_pointers_are_the_same_by_all_roads(answers: Answers) -> None:
    places = plain(answers, "per-CPU pointers")
    assert len({tuple(place) for place in places}) == len(places) > 1
    assert [set(place) for place in places] == [{place[0]} for place in places]
    assert plain(answers, "which are per-CPU") == [True, False, True, False, False]


def test_variables_that_were_moved_into_another_are_found_by_their_old_names(
    answers: Answers,
) -> None:
    current = plain(answers, "current")
    assert all(task and runs for task, runs in current)
    assert plain(answers, "type of current") == "struct task_struct"
    assert plain(answers, "cpu_number") == list(range(len(current)))


def test_a_percpu_pointer_is_an_ordinary_one(answers: Answers) -> None:
    kind, stars, text = plain(answers, "__percpu")
    assert (kind, stars) == ("tPtr", 1) and re.search(r"ctype='(s32|int) \*'>$", text)


def test_old_names_are_what_they_stand_for_and_no_fields(vmcore: Vmcore, answers: Answers) -> None:
    assert plain(answers, "old names") == [True] * len(OLD_NAMES)
    # Up to 5.16 the members of slabs are in struct page.
    is_in_page = vmcore.name == "5.10-panic"
    assert plain(answers, "old names are no fields") == [False, is_in_page, -1]


def test_release_is_that_of_uname(vmcore: Vmcore, answers: Answers) -> None:
    assert plain(answers, "release") == vmcore.facts["uname"]["release"]


def test_user_memory_is_the_same_by_both_roads(answers: Answers) -> None:
    values = [answers.value(EXPRESSIONS[n]) for n in ("user memory", "user memory by readmem")]
    if values[0][0] == "raised":  # a filtered dump
        assert all("CrashError" in bases for _, bases, _ in values)
    else:
        assert values[0] == values[1]


def test_per_cpu_offsets_are_a_list(answers: Answers) -> None:
    offsets, cpus, table = plain(answers, "offsets")
    assert len(offsets) == cpus > 1 and offsets == table[:cpus]
    assert plain(answers, "runqueues") == [0] * cpus


def test_the_panic_is_in_sys_info_as_sys_prints_it(vmcore: Vmcore, answers: Answers) -> None:
    begin = {"none": '""', "sysrq": '"Kernel panic - not syncing: sysrq triggered crash"'}
    text = plain(answers, "panic")
    assert text == begin.get(vmcore.facts["trigger"], text)
    assert (text == '""') == (vmcore.facts["trigger"] == "none")
    assert vmcore.facts["trigger"] != "taskfault" or text.startswith('"BUG: ')


def test_memory_of_a_task_is_that_of_proc(vmcore: Vmcore, answers: Answers) -> None:
    (status,) = (task["status"] for task in vmcore.facts["tasks"] if task["pid"] == 1)
    size, resident = map(int, re.findall(r"^Vm(?:Size|RSS):\s+(\d+)", status, re.MULTILINE))
    (read_size, read_resident), kernel_thread = plain(answers, "memory")
    assert kernel_thread == [0, 0] and read_size == size
    assert abs(read_resident - resident) < 512  # it ran on


def test_all_symbols_of_a_name_are_found(vmcore: Vmcore, answers: Answers) -> None:
    stext, not_named_so, unknown = plain(answers, "static symbols")
    assert (stext, not_named_so, unknown) == ([vmcore.facts["symbols"]["_stext"]], [], [])


def test_rest_is_as_the_reference_says(answers: Answers) -> None:
    assert plain(answers, "pwd") == "/"
    assert plain(answers, "no pid") == [0, None, 1]
    assert plain(answers, "nsproxy") is True
    assert plain(answers, "enum") == 0
    assert plain(answers, "pages") is True
    assert plain(answers, "state")[1] is True
    assert 0 not in plain(answers, "children")


def test_children_of_a_dentry_by_their_old_list_are_there(answers: Answers) -> None:
    names = plain(answers, "dentries")
    assert {"proc", "sys", "dev"} <= set(names)


def test_module_memory_by_its_old_name_is_that_of_proc(vmcore: Vmcore, answers: Answers) -> None:
    rows = [line.split() for line in vmcore.facts["files"]["/proc/modules"].splitlines()]
    planted = {row[0]: (int(row[1]), int(row[5], 16)) for row in rows}
    read = {name: (size, base) for name, size, base, _ in plain(answers, "core")}
    assert read and read == {name: planted[name] for name in read}
    assert all(base == core for _, _, base, core in plain(answers, "core"))
