# SPDX-License-Identifier: GPL-2.0-or-later
"""Types that crash commands show: as GDB has them, and without reading more than they need."""

from __future__ import annotations

import re

from crash_texts import texts
from harness import Vmcore

UNITS = "gdb maint info symtabs"
#: Each is a command of its own.
UNITS_BEFORE, UNITS_BEHIND = UNITS, f"{UNITS}  "


def units(shown: str) -> list[str]:
    return re.findall(r"^    name (\S+)$", shown, re.M)


def test_definition_reads_no_debug_info_of_what_members_point_to(vmcore: Vmcore) -> None:
    member = "struct task_struct.comm"  # what reads the struct itself
    commands = ["struct task_struct", "struct -o task_struct", "whatis task_struct"]
    said = texts(vmcore, [member, UNITS_BEFORE, *commands, member, UNITS_BEHIND])
    assert units(said[UNITS_BEFORE])
    assert units(said[UNITS_BEHIND]) == units(said[UNITS_BEFORE])
    # Behind a pointer to a struct that only other units define.
    assert "    struct io_uring_task *io_uring;\n" in said["struct task_struct"]


def test_definition_and_size_are_those_of_gdbs_own_ptype(vmcore: Vmcore) -> None:
    names = ("mm_struct", "page", "sk_buff", "list_head", "sigqueue")
    asked = [f"struct {name}" for name in names]
    said = texts(vmcore, [*asked, *(f"gdb ptype {struct}" for struct in asked)])
    sizes = texts(vmcore, [f"gdb print sizeof({struct})" for struct in asked])
    for struct in asked:
        definition, _, size = said[struct].rpartition("SIZE: ")
        if "{...}" not in said[f"gdb ptype {struct}"]:
            assert f"type = {definition}" == said[f"gdb ptype {struct}"]
        assert sizes[f"gdb print sizeof({struct})"].split()[-1] == size.strip()


def test_member_is_declared_as_gdb_has_it(vmcore: Vmcore) -> None:
    paths = ("comm", "se.vruntime", "mm", "mm.pgd", "signal.shared_pending", "cpus_mask.bits")
    expressions = {path: f"gdb whatis ((struct task_struct *) 0)->{path}" for path in paths}
    said = texts(vmcore, [*(f"struct task_struct.{p}" for p in paths), *expressions.values()])
    for path, expression in expressions.items():
        kind = said[expression].removeprefix("type = ").strip()
        shown = said[f"struct task_struct.{path}"]
        declared = re.search(r"\] (.*);\n", shown)
        assert declared, shown
        last = path.rpartition(".")[2]
        assert re.sub(rf"\b{last}\b", "", declared[1], count=1).replace(" ", "") == kind.replace(
            " ", ""
        )


def test_struct_beyond_what_gdb_shows_by_itself_is_shown(vmcore: Vmcore) -> None:
    shown = texts(vmcore, ["struct pglist_data", "p node_data[0]", "gdb p sizeof(*node_data[0])"])
    size = shown["gdb p sizeof(*node_data[0])"].split()[-1]
    assert int(size) > 1 << 16
    assert f"}}\nSIZE: {size}\n" in shown["struct pglist_data"]
    addr = shown["p node_data[0]"].split()[-1]
    assert "  node_id = 0," in texts(vmcore, [f"*pglist_data {addr}"])[f"*pglist_data {addr}"]
    assert "  node_id = 0," in texts(vmcore, ["p *node_data[0]"])["p *node_data[0]"]


#: Structs of all kinds of members: pointers to structs that are only declared, to functions and
#: texts, arrays of structs and of pointers, bit-fields, unions without a name.
VARIABLES = ("init_task", "init_mm", "init_net", "pci_bus_type", "init_signals", "init_cred")
AS_CRASH = "with print pretty -- with print repeats unlimited -- with print elements 256 --"


def test_structs_are_printed_as_gdb_prints_them(vmcore: Vmcore) -> None:
    commands = [f"{AS_CRASH} {{radix}} print {name}" for name in VARIABLES]
    shown = [f"p {{option}} {name}" for name in VARIABLES]
    for option, radix in (("-d", ""), ("-x", "with output-radix 16 --")):
        ours = [each.format(option=option) for each in shown]
        gdbs = [each.format(radix=radix) for each in commands]
        said = texts(vmcore, ours + ["gdb " + each for each in gdbs])
        for our, peer, name in zip(ours, gdbs, VARIABLES):
            assert "\n" in said[our]
            assert said[our].split(" = ", 2)[0::2] == [
                name,
                said["gdb " + peer].partition(" = ")[2],
            ]


def test_pointers_are_printed_without_the_debug_info_of_what_they_point_to(vmcore: Vmcore) -> None:
    commands = ["task -R files,io_uring,nsproxy,seccomp", "struct files_struct init_files"]
    known = ["task -R pid", "struct files_struct"]
    said = texts(vmcore, [*known, UNITS_BEFORE, *commands, UNITS_BEHIND])
    assert units(said[UNITS_BEHIND]) == units(said[UNITS_BEFORE])
    assert "  io_uring = 0x0" in said[commands[0]]


def test_p_of_a_struct_enters_the_history(vmcore: Vmcore) -> None:
    said = texts(vmcore, ["p init_task", "p $.pid", "p $1.comm"])
    assert said["p init_task"].startswith("init_task = $1 = {\n  thread_info = {")
    assert said["p $.pid"] == "$2 = 0\n"
    assert said["p $1.comm"].startswith('$3 = "swapper/0')
