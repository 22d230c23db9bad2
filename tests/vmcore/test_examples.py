# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples in docs/api are true: they print what they say, on real dumps."""

from __future__ import annotations

import re
from pathlib import Path

from gdb_run import launch

from harness import Vmcore

SCRIPT = Path(__file__).parent / "run_examples.py"

#: What scripts use most; each has an example.
SHOWN = """
    readSU readSymbol pylog member_size container_of sys_info readSUListFromHead
    exec_crash_command symbol_exists sym2addr CDefine struct_exists Addr addr2sym member_offset
    structSetAttr get_pathname EnumInfo Deref readmem memoize_cond ListHead struct_size atomic_t
    readList TrueOnce getStructInfo readStructNext dbits2str readPtr enumerator_value CEnum
    SmartString whatis exec_crash_command_bg lsModules exec_gdb_command AttrSetter getListSize
    loadModule Bunch PY_select hlist_for_each_entry ArtStructInfo tPtr DCache getFullBuckets
    readSUArray StructResult TypeInfo VarInfo SUInfo tEnum funcargs pid_to_task set_nsproxy
    mem2long AA_Node EmbeddedFrames parser_header_tabs gdb_typeinfo
""".split()


def test_examples_print_what_they_say(vmcore: Vmcore) -> None:
    files = next(iter(vmcore.forms.values()))
    out = launch(vmcore.vmlinux, *files, "-c", f"pyk-run {SCRIPT}").out
    assert "\nfailed: 0\n" in out, out
    counts = {name: int(number) for name, number in re.findall(r"^examples (\w+) (\d+)", out, re.M)}
    assert [name for name in SHOWN if not counts.get(name)] == []
