# SPDX-License-Identifier: GPL-2.0-or-later
"""Which test shows what the classic API promises: its sections 7 (structs in memory), 8 (values by
C type), 9 (other values) and 25 (checklist), a row each, in their order.

A test is named by its file without `test_`, and its function or its entry in one of the file's
tables (any entry that contains the text); "line 6" is an entry of tests/vmcore/checklist.py.
"""

from __future__ import annotations

Tests = tuple[str, ...]

#: Rows that a section has.
ROWS_OF = {"7.1": 13, "7.2": 6, "7.3": 8, "8": 27, "9": 15, "25": 34}

STRUCTS: dict[str, Tests] = {
    "7.1 no memory is read at construction; one class a type": (
        "conformance_structs: nothing is read before a member is",
        "conformance_structs: one class a type",
        "conformance_structs: constructor",
    ),
    "7.1 int(o) long(o) Addr(o) %x {:#x} hex(o)": (
        "conformance_structs: value is the address",
        "conformance_structs: hex",
    ),
    "7.1 bool(o) len(o)": ("conformance_structs: NULL is false", "conformance_structs: len is"),
    "7.1 str(o) %s {}": ("conformance_structs: str", "conformance_structs: str of a typedef"),
    "7.1 repr(o)": ("conformance_structs: repr",),
    "7.1 o.shortStr()": ("conformance_structs: short",),
    "7.1 o == x, hash(o)": (
        "conformance_structs: equal to int",
        "conformance_structs: equal across types",
    ),
    "7.1 <, sorted": ("conformance_structs: sorted",),
    "7.1 o[i], o + i": (
        "conformance_structs: pointer arithmetic",
        "conformance_structs: pointer arithmetic keeps the type",
    ),
    "7.1 i + o, o - x, o & m, o | m, o >> n, ~o, o // n, o % n": (
        "conformance_structs: every other operator",
        "conformance_structs: the rest is plain",
    ),
    '7.1 o["field"]': (
        "conformance_structs: VarInfo of a member",
        'conformance_structs: ["nosuch"]',
    ),
    "7.1 iteration": ('conformance_values: iter(readSymbol("conf_nested"))',),
    "7.1 o.anything = v": (
        "conformance_structs: shadow",
        "conformance_structs: shadow of one object",
        "conformance_structs: sum into an object",
    ),
    "7.2 o.name, fields of anonymous members": (
        "conformance_structs: comm",
        "conformance_values: conf_nested.deep",
    ),
    "7.2 unknown field, hasattr, getattr with a default": (
        "conformance_structs: .nosuchfield",
        "conformance_structs: hasattr(",
        "conformance_structs: getattr(",
    ),
    "7.2 names inside a class": (
        "conformance_structs: name inside a class",
        "conformance_structs: _C__nosuch",
        "line 19",
    ),
    "7.2 pseudo-attributes win": ("conformance_structs: structSetAttr wins",),
    "7.2 fields named like methods of int": (
        "conformance_structs: lower-case names of int",
        "conformance_values: conf_names",
    ),
    "7.2 NULL object": (
        "conformance_structs: NULL's member has an address",
        'conformance_structs: readSU("struct list_head", 0).next',
        'conformance_structs: readSU("struct task_struct", 0).pid',
        "line 9",
    ),
    "7.3 PYT_symbol PYT_sinfo PYT_size": ("conformance_structs: PYT_symbol",),
    "7.3 Deref, getDeref()": ("conformance_structs: Deref",),
    "7.3 hasField(name)": (
        "conformance_structs: hasField",
        "conformance_structs: hasField of anonymous",
        "conformance_structs: structSetAttr over a pointer",
    ),
    "7.3 isNamed(typename)": ("conformance_structs: isNamed",),
    "7.3 fieldOffset(name)": (
        "conformance_structs: fieldOffset of anonymous",
        "conformance_structs: .fieldOffset(",
    ),
    "7.3 castTo(typename)": ("conformance_structs: castTo", "conformance_structs: .castTo("),
    '7.3 Eval("a.b.c")': (
        "conformance_structs: Eval",
        "conformance_structs: Eval of a struct",
        'conformance_structs: .Eval("nosuch.x")',
        "line 18",
    ),
    "7.3 Dump(indent=0)": (
        "conformance_structs: .Dump()",
        'conformance_structs: readSymbol("conf_arrays").Dump()',
        'conformance_structs: readSymbol("conf_more").Dump(2)',
    ),
}

VALUES: dict[str, Tests] = {
    "8 any integer, single char, typedefs": (
        "conformance_values: conf_ints.s8_min",
        "conformance_values: conf_ints.u64_max",
        "conformance_values: conf_ints.plain_char",
        "conformance_values: conf_qualified",
        "conformance_values: conf_ints.wide",
    ),
    "8 integer bitfield": (
        "conformance_values: conf_bits.s12",
        "conformance_values: conf_bits.u40",
    ),
    "8 bool, bool bitfield, bool x[N]": (
        "conformance_values: conf_ints.yes",
        "conformance_values: conf_bits.flag",
        'conformance_values: conf_more").flags',
    ),
    "8 enum, enum array": (
        'conformance_values: conf_enums").colour',
        'conformance_values: conf_enums").small',
        'conformance_values: conf_more").colours',
    ),
    "8 float, double": (
        'conformance_values: conf_more").single',
        'conformance_values: conf_more").twice',
    ),
    "8 char x[N]": ("conformance_values: conf_text.array", "conformance_values: conf_text.latin"),
    "8 unsigned char, u8, signed char, typedef'd char arrays": (
        "conformance_values: conf_text.bytes",
        'conformance_values: conf_more").signed_chars',
        'conformance_values: conf_more").typedefs_of_char',
    ),
    "8 other integer x[N]": (
        "conformance_values: conf_arrays.one",
        "conformance_values: conf_arrays.single",
    ),
    "8 integer x[N][M], 3 dims, more": (
        "conformance_values: conf_arrays.two",
        "conformance_values: conf_arrays.three",
        'conformance_values: conf_more").four',
    ),
    "8 integer x[], x[0], char x[0]": (
        'conformance_values: conf_flexible").items',
        "conformance_values: conf_flexible_zero",
        'conformance_values: conf_more").no_text',
        "conformance_values: conf_flexible.items[2]",
    ),
    "8 struct s x": ('conformance_values: conf_nested").inner',),
    "8 struct s x[N], x[N][M]": (
        'conformance_values: conf_arrays").structs',
        'conformance_values: conf_more").grid',
    ),
    "8 struct s x[1]": (
        'conformance_values: conf_more").one.y',
        'conformance_values: conf_more").one[0].x',
    ),
    "8 struct s x[], x[0]": ('conformance_values: conf_more").no_structs',),
    "8 struct s *p, union u *p, NULL, opaque": (
        'conformance_values: conf_pointers").inner.y',
        'conformance_values: conf_more").to_both.byte',
        'conformance_values: conf_pointers").opaque',
        'conformance_values: bool(list(readSymbol("conf_more").inners)[1])',
    ),
    "8 char *p, NULL, at a gap, wild": (
        "conformance_values: conf_text.pointer",
        'conformance_values: conf_text").null',
        'conformance_values: conf_text").wild',
        "conformance_structs: test_a_page_that_is_not_there_in_the_middle_of_an_array_is_named",
    ),
    "8 any other single pointer": (
        'conformance_values: readSymbol("conf_pointer")',
        'conformance_values: conf_more").bytes',
        'conformance_values: conf_more").wide[0]',
        'conformance_values: readSymbol("conf_void")',
    ),
    "8 function pointer": (
        "conformance_values: conf_callback",
        'conformance_values: conf_pointers").call',
        "line 12",
    ),
    "8 T **p and deeper": (
        'conformance_values: conf_pointer3").Deref.Deref.Deref',
        'conformance_values: conf_pointers").inner2',
    ),
    "8 struct s *a[N]": ("conformance_values: s and s.x",),
    "8 char *a[N], void *a[N]": (
        'conformance_values: conf_text").words',
        'conformance_values: conf_more").untyped',
        'conformance_values: conf_arrays").pointers[1:]',
    ),
    "8 pointer a[], a[0], a[1]": (
        'conformance_values: conf_more").words[0]',
        'conformance_values: conf_more").none_known[0].Deref',
        'conformance_values: iter(readSymbol("conf_more").none_known)',
    ),
    "8 T *a[N][M]": ('conformance_values: conf_more").table',),
    "8 function symbol": ('conformance_values: readSymbol("conf_function")',),
    "8 T __percpu *p": ("api_values: test_a_percpu_pointer_is_an_ordinary_one",),
    "8 globals and Deref alike": (
        "conformance_values: conf_global_array",
        "conformance_values: rows[1]",
    ),
    "8 exactly int": ("conformance_values: test_number_is_the_planted_one",),
}

OTHERS: dict[str, Tests] = {
    "9.1 ti, ptype, ptrlev": ("conformance_values: p.ptype is p.ti",),
    "9.1 int(p), bool(p), p == 0, %x": ("conformance_values: p == 0",),
    "9.1 str(p), repr(p), {}": ("conformance_values: repr(p)",),
    "9.1 p.Deref, p.getDeref()": (
        'conformance_values: conf_pointer").getDeref()',
        'conformance_values: conf_void").Deref',
        'conformance_values: conf_arrays").pointers[1].Deref',
    ),
    "9.1 p[i]": (
        'conformance_values: conf_pointer")[0]',
        "conformance_values: inner2[0].x",
        'conformance_values: conf_pointer2")[0]',
        'conformance_values: conf_arrays").pointers[1][0]',
    ),
    "9.1 p + n": ('conformance_values: conf_pointer") + 4',),
    "9.1 Deref(x)": ("conformance_values: Deref(readSymbol(", "conformance_values: Deref(5)"),
    "9.2 SmartString(bytes, addr, ptr), SmartString(p)": (
        'conformance_values: SmartString(b"ab',
        'conformance_values: SmartString(readSymbol("conf_more").bytes)',
        'conformance_values: SmartString(readSymbol("conf_pointer2"))',
        "conformance_values: SmartString(5)",
    ),
    "9.2 value: bytes to the first NUL": (
        "conformance_values: test_text_is_the_planted_one",
        "conformance_values: s == 'full'",
    ),
    "9.2 s[i] and slices": (
        "conformance_values: empty[1]",
        "conformance_values: array[8:10]",
        "conformance_values: [3:]",
    ),
    "9.2 ByteArray, addr, ptr": (
        "conformance_values: array.ptr",
        'conformance_values: int(readSymbol("conf_text").pointer)',
        'conformance_values: Addr(readSymbol("conf_text").array)',
    ),
    "9.3 tEnum": (
        "conformance_values: %d %s",
        "conformance_values: {:>10s}",
        "conformance_values: repr(e)",
        "conformance_values: einfo",
        "conformance_values: unnamed_value",
    ),
    "9.4 Addr(obj, field)": (
        "conformance_structs: Addr of a member",
        "conformance_values: Addr(5)",
        'conformance_values: Addr(readSymbol("conf_pointer"))',
    ),
    "9.5 printObject(o)": (
        "conformance_structs: printObject(read",
        "conformance_structs: printObject(5)",
    ),
    "9 copies": (
        "conformance_structs: copies",
        "conformance_structs: copies of pointers and enums",
    ),
}

CHECKLIST: dict[str, Tests] = {
    "25.1 __main__ is shared, sys.path is not": (
        "scripts: test_runs_share_main_and_nothing_of_sys_path",
        "checklist: test_runs_follow_each_other_as_scripts_expect",
    ),
    "25.2 sys.exit(3), an exception": (
        "scripts: test_the_times_come_once_however_a_script_ends",
        "checklist: test_runs_follow_each_other_as_scripts_expect",
    ),
    "25.3 common options leave sys.argv": (
        "scripts: test_argv_is_without_the_common_options",
        "checklist: test_runs_follow_each_other_as_scripts_expect",
    ),
    "25.4 one timing line, after the summary": (
        "scripts: test_the_times_come_once_however_a_script_ends",
    ),
    "25.5 a script without imports": ("line 5", "scripts: test_a_script_without_any_import"),
    "25.6 init_task as an object": ("line 6", "conformance_structs: len is the size"),
    "25.7 equality and arithmetic": ("line 7", "conformance_structs: pointer arithmetic"),
    "25.8 unknown fields and types": ("line 8", "conformance_structs: .nosuchfield"),
    "25.9 NULL": ("line 9", "conformance_structs: readmem(0, 8)"),
    "25.10 comm, members, Addr": ("line 10", "conformance_structs: Addr of a member"),
    "25.11 modules by ListHead": ("line 11", "api_values: test_modules_are_those_that_were_loaded"),
    "25.12 function pointers, void *": ("line 12", "conformance_values: conf_callback"),
    "25.13 enum, bool": (
        "line 13",
        "conformance_values: %d %s",
        "conformance_values: conf_ints.yes",
    ),
    "25.14 char arrays, char *": (
        "line 14",
        "conformance_values: conf_text.bytes",
        'conformance_values: conf_text").null',
    ),
    "25.15 struct x[1], int x[0]": (
        "line 15",
        'conformance_values: conf_more").one[0].x',
        'conformance_values: conf_arrays").none',
    ),
    "25.16 bitfields": ("line 16", "conformance_values: conf_bits.inner_s5"),
    "25.17 hasField, member_offset": (
        "line 17",
        "conformance_structs: member_offset over a pointer",
    ),
    "25.18 Eval": ("line 18", "conformance_structs: Eval"),
    "25.19 names inside a class": ("line 19", "conformance_structs: name inside a class"),
    "25.20 container_of": ("line 20", "conformance_structs: container_of"),
    "25.21 readSUListFromHead and its head": (
        "line 21",
        "conformance_structs: list from a symbol with head",
    ),
    "25.22 maxel": (
        "line 22",
        "scripts: test_the_warning_of_a_cut_list_names_the_callers_in_the_script",
        "conformance_structs: test_list_cut_without_warning_is_silent",
    ),
    "25.23 a loop that misses the head": (
        "conformance_structs: test_list_with_a_cycle_gives_the_part_before_the_repeat",
        'conformance_structs: readSUListFromHead(symbol_address("conf_list_cyclic")',
    ),
    "25.24 sym2addr, addr2sym": ("line 24", "api_values: test_symbols_have_the_guests_addresses"),
    "25.25 unknown names": ("line 25", 'conformance_structs: readSymbol("nosuch")'),
    "25.26 EnumInfo": ("line 26", "conformance_structs: EnumInfo by enumerator"),
    "25.27 CDefine, CEnum, dbits2str": ("line 27", "tparser: test_", "generic: test_"),
    "25.28 structSetAttr": ("line 28", "conformance_structs: structSetAttr of nothing"),
    "25.29 exec_crash_command": ("line 29", "scripts: test_commands_are_text_or_an_error"),
    "25.30 memoize_cond, PY_select": ("line 30", "memocaches: test_"),
    "25.31 pylog, DCache, TrueOnce": (
        "line 31",
        "pylog: test_a_warning_is_printed_now_and_once_in_the_summary",
    ),
    "25.32 mem2long": ("line 32", "conformance_structs: mem2long array"),
    "25.33 set_readmem_task": (
        "line 33",
        "checklist: test_runs_follow_each_other_as_scripts_expect",
        "api_values: test_user_memory_is_the_same_by_both_roads",
    ),
    "25.34 imports": ("line 34", "scripts: test_a_model_brings_the_api", "api_names: test_"),
}

INDEX = {**STRUCTS, **VALUES, **OTHERS, **CHECKLIST}
