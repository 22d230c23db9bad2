# SPDX-License-Identifier: GPL-2.0-or-later
"""Structs, types, lists and symbols behave as scripts rely on, in a dump of the mini kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_run import Answers, evaluate
from mini_dump import MiniDump, written
from writer.mini import mini_machine

T = 'readSymbol("init_task")'
N = 'readSymbol("conf_nested")'
TASK = '"struct task_struct"'
WHOLE = 'symbol_address("conf_list_whole")'
CYCLIC = 'symbol_address("conf_list_cyclic")'
CUT = 'symbol_address("conf_list_cut")'
NODES = '"link", "struct conf_node"'

#: Expressions that are true, by what they show.
TRUE = {
    # an int, whose value is the address
    "is an int": f"isinstance({T}, int) and type({T}).__name__.startswith('StructResult')",
    "value is the address": f'int({T}) == symbol_address("init_task") == Addr({T})',
    "len is the size": f"len({T}) == struct_size({TASK}) == {T}.PYT_size",
    "str": f'str({T}) == "<struct task_struct 0x%x>" % {T} == "%s" % {T} == "{{}}".format({T})',
    "str of a typedef": 'str(readSymbol("conf_typedef")).startswith("<conf_typedef2_t 0x")',
    "repr": f'repr({T}) == "StructResult <struct task_struct %#x> \\tsize=%d" % ({T}, len({T}))',
    "short": f'{T}.shortStr() == "<task_struct %#x>" % {T}',
    "hex": f'hex({T}) == "{{:#x}}".format({T}) == "%#x" % {T}',
    "NULL is false": f"not readSU({TASK}, 0) and bool({T})",
    "equal to int": f"{T} == int({T}) and {{{T}: 1}}[int({T})] == 1 and hash({T}) =="
    f" hash(int({T}))",
    "equal across types": f'{T} == readSU("struct list_head", {T})',
    "sorted": f"sorted([{T} + 1, {T}]) == [{T}, {T} + 1]",
    "pointer arithmetic": f"{T} + 1 == int({T}) + len({T}) and {T}[2] == {T} + 2",
    "pointer arithmetic keeps the type": f"({T} + 1).isNamed({TASK}) and {T}[1].isNamed({TASK})",
    "the rest is plain": f"type(1 + {T}) is type({T} - 1) is type({T} & 7) is type(~{T}) is int",
    "plain values": f"1 + {T} == int({T}) + 1 and {T} - 1 == int({T}) - 1 and {T} // 8 * 8 == {T}",
    "every other operator": f"(lambda o, i: (o | 1, o & ~7, o >> 4, ~o, o // 3, o % 4096, o - 8,"
    " o - o, 8 + o, o * 2, -o) == (i | 1, i & ~7, i >> 4, ~i, i // 3, i % 4096, i - 8, 0, 8 + i,"
    f" i * 2, -i))({T}, int({T}))",
    "nothing is read before a member is": f"int(readSU({TASK}, 0xdead000000000000)) =="
    " 0xdead000000000000",
    "one class a type": f"type(readSU({TASK}, 1)) is type({T}) is not type({T}.tasks)",
    "constructor": f"StructResult({TASK}, {T}).comm == {T}.comm",
    # members
    "comm": f'{T}.comm == "swapper/0" and len({T}.comm.ByteArray) == 16',
    "address of a member": f'Addr({T}.tasks) == int({T}) + member_offset({TASK}, "tasks")',
    "Addr of a member": f'Addr({T}, "tasks") == Addr({T}.tasks)',
    "Deref": f"{T}.Deref == {T}.getDeref() == Deref({T}) == {T}",
    "hasField": f'{T}.hasField("pid") and not {T}.hasField("nosuch") and not {T}.hasField("se.x")',
    "hasField of anonymous": f'{N}.hasField("deep") and {N}.hasField("both")',
    "isNamed": f'{T}.isNamed({TASK}) and not {T}.isNamed("task_struct")',
    "fieldOffset": f'{T}.fieldOffset("tasks") == {T}["tasks"].offset',
    "fieldOffset of anonymous": f'{N}.fieldOffset("beside") == 12',
    "castTo": f'{T}.castTo("struct list_head").isNamed("struct list_head")',
    "Eval": f'{T}.Eval("real_parent.comm") == {T}.real_parent.comm',
    "Eval of a struct": f'{T}.Eval("se") == Addr({T}.se)',
    "PYT_symbol": f"{T}.PYT_symbol == {TASK} and {T}.PYT_sinfo.PYT_sname == {TASK}",
    "NULL's member has an address": f"Addr(readSU({TASK}, 0).tasks) == member_offset({TASK},"
    f' "tasks")',
    "lower-case names of int": f"{T}.real == int({T}) and {T}.bit_length() == 64",
    "name inside a class": f"type('C', (), {{'f': lambda s, o: o._C__state}})().f({T}) =="
    f" {T}.__state",
    "any spelling of a name": f'getattr({T}, "".join(["p", "id"])) == 0',
    "copies": f"(lambda c, o: (o.pid, c.copy(o).comm, c.deepcopy([o])[0].mine, c.deepcopy(o) == o))"
    f"(__import__('copy'), (lambda o: (setattr(o, 'mine', 8), o)[1])({T})) =="
    f" (0, 'swapper/0', 8, True)",
    "copies of pointers and enums": "(lambda c, p, e: c.deepcopy(p).Deref == -12345 and"
    " str(c.deepcopy([e])[0]) == 'CONF_BLUE')(__import__('copy'), readSymbol('conf_pointer'),"
    " readSymbol('conf_enums').colour)",
    "pickled as an address": f"(lambda p, o: p.loads(p.dumps(o)).comm)(__import__('pickle'), {T})"
    ' == "swapper/0"',
    "format": f'"{{:>60s}}|{{:x}}".format({T}, {T}) == "%60s|%x" % (str({T}), {T})',
    "shadow": f"(lambda o: (setattr(o, 'pid', 7), setattr(o, 'mine', 8), o.pid,"
    f" o.mine)[2:])({T}) == (7, 8)",
    "shadow of one object": f"(lambda o: setattr(o, 'pid', 7) or {T}.pid)({T}) == 0",
    "sum into an object": f"(lambda o: setattr(o, 'prio', o.prio + 5) or o.prio - {T}.prio)({T})"
    f" == 5",
    # types
    "VarInfo": 'repr(whatis("conf_pointer2")).startswith("VarInfo <int **conf_pointer2> addr=0x")',
    "VarInfo reads": 'whatis("conf_target").reader(whatis("conf_target").addr) == -12345',
    "VarInfo of a field": f'{N}["after"].reader({N} + 0 + 0 and int({N}) + {N}["after"].offset)'
    f" == 9",
    "VarInfo of a member": f"(lambda v: (v.name, v.size, v.array, hasattr(v, 'addr'), v.offset) =="
    f" ('comm', 16, 16, False, {T}.fieldOffset('comm')))({T}['comm'])",
    "VarInfo of a bitfield": "(lambda v: (v.bitoffset, v.bitsize, v.offset))"
    '(getStructInfo("struct conf_bits")["u12"]) == (4, 12, 0)',
    "bitfield in an anonymous member": 'getStructInfo("struct conf_bits").inner_s5.bitsize == 5',
    "VarInfo text": 'getStructInfo("struct conf_bits")["u3"].shortstr() == "unsigned int u3:3;"',
    "VarInfo text with place": 'getStructInfo("struct conf_inner")["y"].fullstr()'
    ' == "int y; | off=4 size=4"',
    "anonymous members are shown": "(lambda t: ('union {' in t, ' deep;' in t, '{conf' in t))"
    "(str(getStructInfo('struct conf_nested'))) == (True, True, False)",
    "so are untagged ones with a name": "'    } named_union; | off=' in"
    " repr(getStructInfo('struct conf_nested'))",
    "VarInfo of an array": "(lambda v: (v.size, v.array, v.basetype))"
    '(getStructInfo("struct conf_arrays")["two"]) == (12, [2, 3], "s16")',
    "TypeInfo": 'repr(TypeInfo("struct conf_inner *")) == "TypeInfo <struct conf_inner *> size=8"',
    "TypeInfo parts": "(lambda t: (t.stype, t.ptrlev, t.codetype, t.ptrbasetype, t.tcodetype))"
    '(TypeInfo("struct conf_inner **")) == ("struct conf_inner", 2, 1, 3, 3)',
    "TypeInfo of a typedef": "(lambda t: (t.stype, t.typedef, t.size))"
    '(TypeInfo("pid_t")) == ("pid_t", "pid_t", 4)',
    "TypeInfo of integers": 'TypeInfo("unsigned long").uint is True and TypeInfo("int").uint is'
    " False",
    "TypeInfo of an array": "(lambda t: (t.dims, t.elements, t.size, t.fullname()))"
    '(whatis("conf_global_array").ti) == ([5], 5, 8, ("unsigned long", "", "[5]"))',
    "target type": 'whatis("conf_pointer3").ti.getTargetType().typestr() == "int"',
    "prototype": '[t.typestr() for t in whatis("conf_function").ti.prototype] == ["int", "int"]',
    "function": 'whatis("conf_function").ti.stype == "(func)"',
    "funcargs": 'funcargs("conf_function") == ["int"] and funcargs("conf_target") is None',
    "SUInfo": 'list(getStructInfo("struct conf_inner")) == ["x", "y"]',
    "SUInfo is cached": f"getStructInfo({TASK}) is getStructInfo({TASK})",
    "SUInfo of a typedef": 'getStructInfo("conf_typedef_t").getFnames() == ["only_by_typedef"]',
    "SUInfo of no struct": 'getStructInfo("unsigned long").size == 8 and not getStructInfo("int")',
    "SUInfo of anonymous members": 'getStructInfo("struct conf_nested").deep.offset == 8',
    "SUInfo body": '[n for n, _ in getStructInfo("struct conf_nested").PYT_body]'
    ' == ["before", "", "inner", "inners", "named_union", "after"]',
    "SUInfo text": 'str(getStructInfo("struct conf_inner")).startswith("<SUInfo>")',
    "EnumInfo": 'EnumInfo("enum conf_colour").CONF_GREEN == 5 and'
    ' list(EnumInfo("enum conf_colour")) == ["CONF_RED", "CONF_GREEN", "CONF_BLUE"]',
    "EnumInfo names": 'EnumInfo("enum conf_colour").getnam(6) == "CONF_BLUE"',
    "EnumInfo bad value": 'EnumInfo("enum conf_colour").getnam(999)'
    ' == "<enum conf_colour, bad value 999>"',
    "EnumInfo by enumerator": 'EnumInfo("CONF_ANONYMOUS")["CONF_ANONYMOUS"] == 77',
    "enumerator": 'enumerator_value("CONF_MINUS") == -3 and enumerator_value("nosuch") is None',
    # the dicts of the crash module
    "gdb_typeinfo": '(lambda d: (d["basetype"], d["codetype"], d["typelength"],'
    ' [m["fname"] for m in d["body"]]))(gdb_typeinfo("struct conf_inner")) =='
    ' ("struct conf_inner", 3, 8, ["x", "y"])',
    "gdb_typeinfo of bitfields": '[(m["bitoffset"], m["bitsize"], m["uint"]) for m in'
    ' gdb_typeinfo("struct conf_bits")["body"][:4]] == [(0, 1, True), (1, 3, True),'
    " (4, 12, True), (16, 4, False)]",
    "gdb_typeinfo of members": '[(m["basetype"], m.get("stars"), m.get("dims")) for m in'
    ' gdb_typeinfo("struct conf_arrays")["body"][3:6]] == [("struct conf_inner", None, [3]),'
    ' ("int", 1, [3]), ("int", None, [0])]',
    "gdb_typeinfo of anonymous members": '[m["fname"] for m in'
    ' gdb_typeinfo("struct conf_nested")["body"][1]["body"]] == ["", "both"]',
    "gdb_typeinfo of an enum": 'gdb_typeinfo("enum conf_colour")["edef"] =='
    ' [("CONF_RED", 0), ("CONF_GREEN", 5), ("CONF_BLUE", 6)]',
    "gdb_typeinfo of a typedef": 'gdb_typeinfo("pid_t")["typedef"] == "pid_t"',
    "gdb_whatis": '(lambda d: (d["fname"], d["basetype"], d["stars"], d["ptrbasetype"]))'
    '(gdb_whatis("conf_pointer2")) == ("conf_pointer2", "int", 2, 8)',
    "gdb_whatis of a function": '[p["basetype"] for p in gdb_whatis("conf_function")["prototype"]]'
    ' == ["int", "int"]',
    # sizes
    "sizes": 'struct_size("struct conf_inner") == union_size("struct conf_inner") == 8',
    "size of any type": 'getSizeOf("unsigned long") == 8 and struct_size("struct nosuch") == -1',
    "existence": 'struct_exists("enum conf_colour") and struct_exists("pid_t") and not'
    ' struct_exists("struct nosuch")',
    "member_size": 'member_size("struct conf_arrays", "two") == 12',
    "member_size unknown": 'member_size("struct conf_arrays", "x") =='
    ' member_size("struct nosuch", "x") == -1',
    "member_offset": 'member_offset("struct conf_nested", "inner.y") == 20',
    "member_offset of anonymous": 'member_offset("struct conf_nested", "beside") == 12',
    "member_offset over a pointer": f'member_offset({TASK}, "mm.pgd") == -1',
    "member_offset unknown": f'member_offset({TASK}, "nosuch") == member_offset("x", "y") == -1',
    "type_length": 'type_length("struct conf_inner") == 8 and type_length("nosuch") == -1',
    "container_of": f'container_of(Addr({T}.tasks), {TASK}, "tasks") == {T}',
    "container_of dotted": f'container_of(Addr({N}, "inner") + 4, "struct conf_nested", "inner.y")'
    f" == {N}",
    "container_of NULL": f'int(container_of(0, {TASK}, "tasks")) == -member_offset({TASK},'
    f' "tasks")',
    "atomic_t": f"atomic_t({T}.usage) == {T}.usage.refs.counter and atomic_t(5) == 5",
    # raw memory
    "raw integers": 'readS32(symbol_address("conf_target")) == -12345 =='
    ' readInt(symbol_address("conf_target"))',
    "raw unsigned": 'readU32(symbol_address("conf_target")) == 2**32 - 12345',
    "raw pointer": 'readPtr(symbol_address("conf_pointer")) == symbol_address("conf_target")',
    "raw bytes": 'readmem(symbol_address("conf_text"), 16) == b"sixteen or less\\0"',
    "mem2long": 'mem2long(b"\\1\\0\\0\\0") == 1 == mem2long(b"\\1\\0\\0\\0", array=1)',
    "mem2long array": 'mem2long(b"\\1\\0\\2\\0", array=2) == [1, 2]',
    "mem2long signed": 'mem2long(b"\\xff\\xff", signed=True) == -1 and'
    ' mem2long(b"\\xff\\xff") == 65535',
    "widths": "unsigned16(-1) == 0xffff and uInt(-1) == 2**32 - 1 and uLong(-1) == unsigned64(-1)",
    "sLong": "sLong(2**64 - 5) == -5 and sLong(5) == 5",
    "ALIGN": "ALIGN(0x1001, 0x1000) == 0x2000 and ALIGN(0x1000, 0x1000) == 0x1000",
    "ALIGN of a struct": f"ALIGN({N}, 4096) == -(-int({N}) // 4096) * 4096",
    "FD_ISSET": 'FD_ISSET(9, b"\\0\\2") and not FD_ISSET(8, b"\\0\\2") and not'
    ' FD_ISSET(99, b"\\1")',
    # lists
    "list": f"[n.value for n in readSUListFromHead({WHOLE}, {NODES})] == [1, 2, 3]",
    "list with head": f"len(readSUListFromHead({WHOLE}, {NODES}, inchead=True)) == 4",
    "list is a list": f"type(readSUListFromHead({WHOLE}, {NODES})) is list",
    "list from a symbol": f'{T} not in readSUListFromHead("init_task", "tasks", {TASK})',
    "list from a symbol with head": f'readSUListFromHead("init_task", "tasks", {TASK},'
    f" inchead=True)[0] == {T}",
    "empty list": f'readSUListFromHead(symbol_address("conf_list_empty"), {NODES}) == []',
    "list at NULL": f"readSUListFromHead(0, {NODES}) == readList(0) == [] == readListByHead(0)",
    "ListHead": f'[n.value for n in ListHead({WHOLE}, "struct conf_node").link] == [1, 2, 3]',
    "ListHead without name": f'ListHead({WHOLE})[0].isNamed("struct list_head")',
    "ListHead holds addresses": f'ListHead({WHOLE}, "struct conf_node")[0] =='
    f" readSUListFromHead({WHOLE}, {NODES})[0].link",
    "readList": f"readList({WHOLE})[0] == {WHOLE} and len(readList({WHOLE})) == 4",
    "readListByHead": f"readListByHead({WHOLE}) == readList({WHOLE}, inchead=False)",
    "readList by offset": 'len(readList(symbol_address("conf_whole"),'
    ' member_offset("struct conf_node", "next"))) == 3',
    "readBadList": f"readBadList({WHOLE})[1] is None and len(readBadList({WHOLE})[0]) == 4",
    "readBadList cyclic": f'readBadList({CYCLIC})[1].startswith("duplicate")',
    "readBadList cut": f"isinstance(readBadList({CUT})[1], CrashError)",
    "readBadList at NULL": "readBadList(0) == ([], None)",
    "LH_isempty": f'LH_isempty(readSymbol("conf_list_empty")) and not LH_isempty({WHOLE})'
    " and not LH_isempty(0)",
    "readStructNext": '[n.value for n in readStructNext(readSymbol("conf_whole")[0], "next")]'
    " == [1, 2, 3]",
    "readStructNext without head": "[n.value for n in"
    ' readStructNext(readSymbol("conf_whole")[0], "next", inchead=False)] == [2, 3]',
    "readStructNext at NULL": 'readStructNext(readSU("struct conf_node", 0), "next") == []',
    "hlist": '[n.value for n in hlist_for_each_entry("struct conf_node",'
    ' readSymbol("conf_hlist"), "hash")] == [1, 2, 3]',
    "array": '[n.value for n in readSUArray("struct conf_node", symbol_address("conf_whole"), 3)]'
    " == [1, 2, 3]",
    "array without length": 'next(readSUArray("struct conf_node",'
    ' symbol_address("conf_whole"))).value == 1',
    "getListSize": f"getListSize({WHOLE}, 0, 100) == 3 and getListSize({WHOLE}, 0, 2) == 2"
    " and getListSize(0, 0, 5) == 0",
    "buckets": 'getFullBuckets(symbol_address("conf_arrays") + 64, 8, 3) =='
    ' [symbol_address("conf_target")] * 2',
    "buckets with index": 'getFullBucketsH(symbol_address("conf_arrays") + 64, 8, 3) =='
    ' [(0, symbol_address("conf_target")), (2, symbol_address("conf_target"))]',
    "buckets in pieces": "(lambda lists, at: (setattr(lists, '_PIECE', 2), getFullBucketsH(at, 8,"
    " 3), setattr(lists, '_PIECE', 1 << 18), getFullBucketsH(at, 8, 3))[1::2])(__import__("
    "'pykdump.lists', fromlist=['x']), symbol_address('conf_arrays') + 64) =="
    " ([(0, symbol_address('conf_target')), (2, symbol_address('conf_target'))],) * 2",
    "memory in pieces": "(lambda memory, at: (setattr(memory, '_PIECE', 5), readmem(at, 16),"
    " setattr(memory, '_PIECE', 64 << 20))[1])(__import__('pykdump.memory', fromlist=['x']),"
    " symbol_address('conf_text')) == b'sixteen or less\\0'",
    # pseudo-attributes
    "structSetAttr": f'structSetAttr({TASK}, "X", ["nosuch", "pid"]) and {T}.X == {T}.pid and'
    f' {T}.hasField("X") and {T}.fieldOffset("X") == {T}.fieldOffset("pid")',
    "structSetAttr of nothing": f'structSetAttr({TASK}, "Y", ["nosuch", "no.such"]) is False and'
    ' structSetAttr("struct nosuch", "Y", "pid") is False',
    "structSetAttr over a pointer": f'structSetAttr({TASK}, "P", "real_parent.comm") and'
    f' {T}.P == "swapper/0" and not {T}.hasField("P")',
    "structSetAttr of itself": f'structSetAttr({TASK}, "Me", "") and {T}.Me == {T}',
    "structSetAttr on more": f'structSetAttr({TASK}, "First", "thread_info.flags",'
    f' ["struct thread_info"]) and {T}.First == {T}.thread_info.flags',
    "structSetAttr wins": f"(lambda o, _, x: x == o.tgid)"
    f'({T}, structSetAttr({TASK}, "prio", "tgid"), {T}.prio)',
    "structSetProcAttr": f'structSetProcAttr({TASK}, "F", lambda o: o.pid + 5) and {T}.F == 5',
    "AttrSetter": f'(lambda x: (setattr(x, "A", ("nosuch", "pid")), setattr(x, "B", "nosuch"),'
    f' x.A, x.B)[2:])(AttrSetter({TASK}, "struct nosuch")) == (True, False) and {T}.A == 0',
    "AttrSetter with a function": f'(lambda x: setattr(x, "C", ["pid", lambda v: v + 3]))'
    f"(AttrSetter({TASK})) is None and {T}.C == 3",
    # a struct made by hand
    "ArtStructInfo": '(lambda a: (a.append("int", "x"), a.append("char[4]", "text"),'
    ' a.inline(getStructInfo("struct conf_inner")), a.size, list(a))[3:])'
    '(ArtStructInfo("struct made")) == (16, ["x", "text", "x", "y"][:2] + ["y"])',
    "ArtStructInfo reads": 'readSU("struct made", symbol_address("conf_target")).x == -12345 or'
    ' readSU("struct made", symbol_address("conf_target")).text is not None',
    "sdef2ArtSU": '(lambda a: (a.size, a["b"].offset, a["b"].size, a["c"].offset))'
    '(sdef2ArtSU("struct tri { int a; struct list_head *b[2]; char c[3]; };")) =='
    " (23, 4, 16, 20)",
    "sdef2ArtSU reads": 'readSU("struct tri", symbol_address("conf_target")).a == '
    'readS32(symbol_address("conf_target"))',
    "names of symbols that are none": '(sym2addr(""), symbol_exists(""),'
    ' symbol_exists("mini_kernel.c")) == (0, False, False)',
    "nc_member_offset": 'nc_member_offset("struct list_head", "prev") == 8',
    # old names
    "alias": f"{T}.state == {T}.__state and not {T}.hasField('state')",
    "alias off": f"(setAliases(False), not hasattr_({T}, 'state'), setAliases(True))[1]",
}

RAISES = {
    "readSU(None, 5)": ("TypeError", "None is no name of a type"),
    'readSymbol("")': ("TypeError", "unknown"),
    'sdef2ArtSU("struct bits { int a:3; };")': ("ValueError", "a"),
    f"{T}.nosuchfield": ("KeyError", "<struct task_struct> does not have a field <nosuchfield>"),
    f'{T}["nosuch"]': ("KeyError", "nosuch"),
    f'{T}.fieldOffset("nosuch")': ("KeyError", "nosuch"),
    f'{T}.Eval("nosuch.x")': ("TypeError", "nosuch.x"),
    f'readSU({TASK}, 0).Eval("mm.pgd")': ("CrashError", "(struct task_struct.mm.pgd)"),
    'readSU("struct conf_pointers", 0).Eval("target")': (
        "IndexError",
        "struct conf_pointers.target",
    ),
    f'readSUArray("struct conf_node", {T}, 1 << 40)': ("CrashError", "1099511627776 structs at 0x"),
    f'readSUArray("struct conf_node", {T}, -1)': ("CrashError", "-1 structs: struct conf_node at"),
    f"readmem({T}, 1 << 40)": ("CrashError", "1099511627776 bytes at 0x"),
    "readmem(1 << 46, 1 << 28)": ("CrashError", "cannot read 268435456 bytes at 0x400000000000: "),
    'readU64("abc")': ("ValueError", "'abc' is no address; that of a symbol is sym2addr(NAME)"),
    'ListHead("zz")': ("ValueError", "'zz' is no address"),
    'addr2sym("zz")': ("ValueError", "'zz' is no address"),
    "readU64([1])": ("TypeError", "[1] is no address"),
    f'readSU({TASK}, "zz")': ("ValueError", "'zz' is no address"),
    f'readSUArray({TASK}, "zz", 3)': ("ValueError", "'zz' is no address"),
    f"readmem({T}, -1)": ("CrashError", "-1 bytes"),
    "readmem(1 << 64, 8)": ("CrashError", "0x10000000000000000"),
    f'getattr({T}, "nosuch", 5)': ("KeyError", "nosuch"),
    f"type('C', (), {{'f': lambda s, o: o._C__nosuch}})().f({T})": ("KeyError", "__nosuch"),
    f'{T}.castTo("struct nosuch")': ("TypeError", "struct nosuch"),
    f'hasattr({T}, "nosuch")': ("KeyError", "nosuch"),
    'readSU("struct nosuch", 1)': ("TypeError", "struct nosuch"),
    'getStructInfo("struct nosuch")': ("TypeError", "struct nosuch"),
    'TypeInfo("struct nosuch")': ("CrashError", "struct nosuch"),
    'EnumInfo("enum nosuch")': ("TypeError", "enum nosuch"),
    'readSymbol("nosuch")': ("TypeError", "nosuch"),
    'whatis("nosuch")': ("TypeError", "nosuch"),
    'readSU("struct list_head", 0).next': ("IndexError", "struct list_head.next"),
    'readSU("struct task_struct", 0).pid': ("CrashError", "struct task_struct.pid"),
    'readSU("struct conf_inner", 0).x': ("CrashError", "4 bytes at 0 (struct conf_inner.x)"),
    'readSU("struct conf_text", 0).array': ("IndexError", "struct conf_text.array"),
    'readSU("struct task_struct", 0x10).comm': ("CrashError", "0x"),
    "readmem(0, 8)": ("IndexError", "NULL"),
    "readPtr(0)": ("IndexError", "NULL"),
    "readmem(8, 8)": ("CrashError", "8 bytes at 0x8"),
    'mem2long(b"abc")': ("CrashError", "3 bytes"),
    f'container_of({T}, {TASK}, "nosuch")': ("KeyError", "nosuch"),
    f'readSUListFromHead({WHOLE}, "nosuch", "struct conf_node")': ("KeyError", "nosuch"),
    f'ListHead({WHOLE}, "struct conf_node").nosuch': ("KeyError", "nosuch"),
    'atomic_t(readSymbol("conf_nested"))': ("KeyError", "counter"),
    'gdb_typeinfo("struct nosuch")': ("CrashError", "struct nosuch"),
    'gdb_whatis("nosuch")': ("CrashError", "nosuch"),
    "set_readmem_task(0x1000)": ("CrashError", "0x1000"),
    "printObject(5)": ("TypeError", "int"),
}

PRINTS = {
    f"readSUListFromHead({WHOLE}, {NODES}, maxel=2)": ["+++WARNING+++", "maxel=2", "<module>"],
    f"readSUListFromHead({CYCLIC}, {NODES})": ["+++ERROR+++", "met again"],
    f"readList({CUT})": ["+++ERROR+++", "0xdead000000000100"],
    f"printObject({N})": ["struct conf_nested 0x", "after = 9"],
    'readSymbol("conf_arrays").Dump()': ["               one [1, -2, 3, -4, ...]\n"],
    'readSymbol("conf_more").Dump(2)': ["                four unknown type\n"],
    f"{N}.Dump()": ["            before 1", "after 9"],
}


@pytest.fixture(scope="module")
def answers(panicked: MiniDump, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    expressions = [*TRUE.values(), *RAISES, *PRINTS, CYCLE_PART, QUIET]
    directory = tmp_path_factory.mktemp("structs")
    return evaluate(panicked.vmlinux, [panicked.vmcore], expressions, directory)


CYCLE_PART = f"[n.value for n in readSUListFromHead({CYCLIC}, {NODES})]"
QUIET = f"len(readSUListFromHead({WHOLE}, {NODES}, maxel=1, warn=False))"


@pytest.mark.parametrize("name", TRUE)
def test_scripts_can_rely_on(name: str, answers: Answers) -> None:
    assert answers.value(TRUE[name]) == ["bool", True]


@pytest.mark.parametrize("expression", RAISES)
def test_exception_names_the_object(expression: str, answers: Answers) -> None:
    kinds, text = answers.raised(expression)
    assert RAISES[expression][0] in kinds and RAISES[expression][1] in text


@pytest.mark.parametrize("expression", PRINTS)
def test_prints(expression: str, answers: Answers) -> None:
    for part in PRINTS[expression]:
        assert part in answers.printed(expression)


def test_list_with_a_cycle_gives_the_part_before_the_repeat(answers: Answers) -> None:
    assert answers.plain(CYCLE_PART) == [1, 2, 3]


def test_list_cut_without_warning_is_silent(answers: Answers) -> None:
    assert answers.plain(QUIET) == 1 and answers.printed(QUIET) == ""


def test_older_kernel_reads_the_same_without_aliases(
    mini_elf_variant: Path, plugin: None, tmp_path: Path
) -> None:
    mini = written(
        mini_machine(mini_elf_variant, tasks=3, cpus=1), mini_elf_variant, tmp_path / "v"
    )
    wanted = [f"{T}.state", f"{T}.hasField('state')", f"{T}.cpu"]
    answers = evaluate(mini.vmlinux, [mini.vmcore], wanted, tmp_path)
    assert [answers.plain(one) for one in wanted] == [0, True, 0]


P = 'readSymbol("conf_paged")'
GAP = {
    "words": f"{P}.words[0]",
    "text": f"str({P}.text)",
    "text by pointer": 'str(readSymbol("conf_at_gap"))',
    "array": f"{P}.more",
    "structs": f'[s.x for s in readSUArray("struct conf_inner", {P}, 1536)[::1535]]',
    "struct in the gap": f'readSUArray("struct conf_inner", {P}, 1536)[700].y',
    "buckets": f"getFullBuckets({P}, 8, 1536)",
    "memory": f"readmem({P}, 12288)",
    "list": f'readSUListFromHead({P} + 0 and int({P}) + 4096, "link", "struct conf_node")',
    "address": f"int({P})",
}


def test_a_page_that_is_not_there_in_the_middle_of_an_array_is_named(
    mini_elf: Path, plugin: None, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, tasks=3, cpus=1)
    paged = mini.kernel.sym("conf_paged")
    mini.machine.exclude(mini.kernel.phys(paged + 4096))
    dump = written(mini, mini_elf, tmp_path / "gap")
    answers = evaluate(dump.vmlinux, [dump.vmcore], GAP.values(), tmp_path)
    assert answers.plain(GAP["address"]) == paged
    assert answers.plain(GAP["words"]) == 7
    assert answers.plain(GAP["text"]) == answers.plain(GAP["text by pointer"]) == "before the gap"
    assert answers.plain(GAP["structs"]) == [7, 0]
    for name, told in {
        "array": f"8192 bytes at {paged + 4096:#x} (struct conf_paged.more)",
        "struct in the gap": f"4 bytes at {paged + 700 * 8 + 4:#x} (struct conf_inner.y)",
        "buckets": f"{paged:#x}",
        "memory": f"12288 bytes at {paged:#x}",
    }.items():
        kinds, text = answers.raised(GAP[name])
        assert "CrashError" in kinds and told in text and "page excluded" in text, text
    assert answers.plain(GAP["list"]) == []
    assert "+++ERROR+++" in answers.printed(GAP["list"])
