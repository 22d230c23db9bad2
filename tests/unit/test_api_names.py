# SPDX-License-Identifier: GPL-2.0-or-later
"""What the star import brings, beside the table of the classic API."""

from __future__ import annotations

import importlib
import sys
from collections import defaultdict
from optparse import Option, OptionParser

import pytest

from pykdump import API

STANDARD = "sys os re string time select stat traceback atexit importlib pprint"

#: Section by section, as the reference lists them.
NAMES = """
readmem readU8 readU16 readU32 readS32 readU64 readS64 readInt readUInt readLong readULong readPtr
readProcessMem set_readmem_task uvtop phys_to_page
unsigned16 unsigned32 unsigned64 uInt uLong sLong le16_to_cpu le32_to_cpu cpu_to_le32 ALIGN FD_ISSET
readSymbol symbol_exists sym2addr sym2alladdr addr2sym addr2mod get_pathname is_task_active
pid_to_task task_to_pid enumerator_value
TypeInfo SUInfo ArtStructInfo EnumInfo getStructInfo whatis funcargs type_length
readSU StructResult tPtr SmartString Addr Deref printObject
readList readBadList readListByHead list_for_each_entry ListHead LH_isempty readSUListFromHead
readStructNext readSUArray hlist_for_each_entry getListSize getFullBuckets getFullBucketsH
setListMaxel
struct_size union_size getSizeOf struct_exists member_size member_offset container_of atomic_t
structSetAttr structSetProcAttr AttrSetter
exec_crash_command exec_crash_command_bg exec_crash_command_bg2 exec_gdb_command exec_command
set_default_timeout SuppressCrashErrors
pylog PyLog WARNING
memoize_cond purge_memoize_cache memoize_typeinfo purge_typeinfo PY_select PY_select_purge
CU_LIVE CU_LOAD CU_PYMOD CU_TIMEOUT
Bunch DCache TrueOnce iterN dbits2str print2columns patch_default_kw registerModuleAttr
registerObjAttrHandler getCurrentModule API_options isfileoutput argv2s require_cmod_version
CDefine CEnum
loadModule delModule lsModules possibleModuleNames
get_nsproxy set_nsproxy PYKD
sys_info HZ PAGESIZE PAGE_CACHE_SHIFT PTR_SIZE pointersize INT_SIZE INT_MASK INT_MAX BITS_PER_INT
LONG_SIZE LONG_MASK LONG_MAX BITS_PER_LONG kernel kname KernelRev RHDIR CGDIR debuginfo
debug debugReload debugDLKM re_apidebug t_start t_starta t_start_children
crash pykdump highlevel long hexl pp defaultdict Option OptionParser
"""


def test_every_name_of_the_table_is_exported() -> None:
    table = {*NAMES.split(), *STANDARD.split()}
    assert not table - set(API.__all__)
    assert len(API.__all__) == len(set(API.__all__))


def test_names_of_python_are_those_of_python() -> None:
    for name in STANDARD.split():
        assert getattr(API, name) is importlib.import_module(name)
    assert (API.defaultdict, API.Option, API.OptionParser) == (defaultdict, Option, OptionParser)
    assert API.long is int and API.hexl(255) == "0xff"


def test_crash_is_one_module_under_both_names() -> None:
    import crash

    assert crash is API.crash is sys.modules["pykdump.crash"]
    assert crash.version >= "3.2.1" and crash.WARNING == API.WARNING == "+++WARNING+++"
    assert issubclass(crash.error, Exception) and crash.default_timeout == 120
    assert API.set_default_timeout(7) == 120 and crash.default_timeout == 7
    assert crash.set_default_timeout(120) == 7


def test_mem2long_gives_an_int_or_a_list() -> None:
    mem2long = API.crash.mem2long
    assert mem2long(b"\1\0\0\0") == 1 and mem2long(b"\xff\xff", signed=True) == -1
    assert mem2long(b"\2", array=1) == 2 and mem2long(b"\1\2", array=2) == [1, 2]
    for wrong in (b"", b"123", b"123456789"):
        with pytest.raises(API.crash.error):
            mem2long(wrong)


def test_there_is_no_wrapcrash() -> None:
    with pytest.raises(ImportError):
        importlib.import_module("pykdump.wrapcrash")


def test_types_are_found_where_old_scripts_look() -> None:
    generic = importlib.import_module("pykdump.Generic")
    datatypes = importlib.import_module("pykdump.datatypes")
    for name in ("SUInfo", "TypeInfo", "EnumInfo", "VarInfo", "ArtStructInfo"):
        assert getattr(generic, name) is getattr(datatypes, name)
