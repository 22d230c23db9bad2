# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts get by ``from pykdump.API import *``: the whole API, and modules of Python.

Constants of the dump (``HZ``, ``sys_info``, ...) are read when the names are imported.
"""

from __future__ import annotations

import atexit
import importlib
import os
import pprint
import re
import select
import stat
import string
import sys
import time
import traceback
from collections import defaultdict
from optparse import Option, OptionParser

import pykdump
from pykdump import crash, dlkmload, highlevel, lowlevel, scripts
from pykdump.commands import (
    SuppressCrashErrors,
    exec_command,
    exec_crash_command,
    exec_crash_command_bg,
    exec_crash_command_bg2,
    exec_gdb_command,
    set_default_timeout,
)
from pykdump.datatypes import (
    ArtStructInfo,
    EnumInfo,
    SUInfo,
    TypeInfo,
    enumerator_value,
    funcargs,
    getStructInfo,
    type_length,
    whatis,
)
from pykdump.dlkmload import delModule, loadModule, lsModules, possibleModuleNames
from pykdump.Generic import (
    API_options,
    Bunch,
    DCache,
    TrueOnce,
    argv2s,
    dbits2str,
    getCurrentModule,
    isfileoutput,
    iterN,
    patch_default_kw,
    print2columns,
    registerModuleAttr,
    registerObjAttrHandler,
    require_cmod_version,
)
from pykdump.highlevel import (
    Addr,
    Deref,
    LH_isempty,
    ListHead,
    container_of,
    getFullBuckets,
    getFullBucketsH,
    getListSize,
    hlist_for_each_entry,
    list_for_each_entry,
    printObject,
    readBadList,
    readList,
    readListByHead,
    readStructNext,
    readSU,
    readSUArray,
    readSUListFromHead,
    readSymbol,
    setListMaxel,
)
from pykdump.logging import WARNING, PyLog, pylog
from pykdump.memocaches import (
    CU_LIVE,
    CU_LOAD,
    CU_PYMOD,
    CU_TIMEOUT,
    PY_select,
    PY_select_purge,
    memoize_cond,
    memoize_typeinfo,
    purge_memoize_cache,
    purge_typeinfo,
)
from pykdump.memory import (
    ALIGN,
    FD_ISSET,
    cpu_to_le32,
    le16_to_cpu,
    le32_to_cpu,
    phys_to_page,
    readInt,
    readLong,
    readmem,
    readProcessMem,
    readPtr,
    readS32,
    readS64,
    readU8,
    readU16,
    readU32,
    readU64,
    readUInt,
    readULong,
    set_readmem_task,
    sLong,
    uInt,
    uLong,
    unsigned16,
    unsigned32,
    unsigned64,
    uvtop,
)
from pykdump.pseudo import AttrSetter, structSetAttr, structSetProcAttr
from pykdump.sizes import (
    atomic_t,
    getSizeOf,
    member_offset,
    member_size,
    struct_exists,
    struct_size,
    union_size,
)
from pykdump.structs import StructResult
from pykdump.tparser import CDefine, CEnum
from pykdump.values import SmartString, tEnum, tPtr

pp = pprint.PrettyPrinter(indent=4)

#: For scripts that were written for Python 2.
long = int
hexl = hex

#: What ``--debug`` says is in ``API_options.debug``; this one never changes.
debug = 0

re_apidebug = re.compile(r"^--apidebug=(\d+)$")

t_start, t_starta = time.time(), time.process_time()
t_start_children = sum(os.times()[2:4])

registerModuleAttr("debugReload", default=0, help="tell which modules are imported again")
registerObjAttrHandler(dlkmload, "debugDLKM", default=0, help="tell how modules are found")
registerObjAttrHandler(lowlevel, "debugDeref", default=0, help="tell what is dereferenced")
debugReload: int
debugDLKM = 0

scripts.install_hooks()

__all__ = [
    "ALIGN",
    "API_options",
    "Addr",
    "ArtStructInfo",
    "AttrSetter",
    "Bunch",
    "CDefine",
    "CEnum",
    "CU_LIVE",
    "CU_LOAD",
    "CU_PYMOD",
    "CU_TIMEOUT",
    "DCache",
    "Deref",
    "EnumInfo",
    "FD_ISSET",
    "LH_isempty",
    "ListHead",
    "Option",
    "OptionParser",
    "PY_select",
    "PY_select_purge",
    "PyLog",
    "SUInfo",
    "SmartString",
    "StructResult",
    "SuppressCrashErrors",
    "TrueOnce",
    "TypeInfo",
    "WARNING",
    "argv2s",
    "atexit",
    "atomic_t",
    "container_of",
    "cpu_to_le32",
    "crash",
    "dbits2str",
    "debug",
    "debugDLKM",
    "debugReload",
    "defaultdict",
    "delModule",
    "enumerator_value",
    "exec_command",
    "exec_crash_command",
    "exec_crash_command_bg",
    "exec_crash_command_bg2",
    "exec_gdb_command",
    "funcargs",
    "getCurrentModule",
    "getFullBuckets",
    "getFullBucketsH",
    "getListSize",
    "getSizeOf",
    "getStructInfo",
    "hexl",
    "highlevel",
    "hlist_for_each_entry",
    "importlib",
    "isfileoutput",
    "iterN",
    "le16_to_cpu",
    "le32_to_cpu",
    "list_for_each_entry",
    "loadModule",
    "long",
    "lsModules",
    "member_offset",
    "member_size",
    "memoize_cond",
    "memoize_typeinfo",
    "os",
    "patch_default_kw",
    "phys_to_page",
    "possibleModuleNames",
    "pp",
    "pprint",
    "print2columns",
    "printObject",
    "purge_memoize_cache",
    "purge_typeinfo",
    "pykdump",
    "pylog",
    "re",
    "re_apidebug",
    "readBadList",
    "readInt",
    "readList",
    "readListByHead",
    "readLong",
    "readProcessMem",
    "readPtr",
    "readS32",
    "readS64",
    "readSU",
    "readSUArray",
    "readSUListFromHead",
    "readStructNext",
    "readSymbol",
    "readU16",
    "readU32",
    "readU64",
    "readU8",
    "readUInt",
    "readULong",
    "readmem",
    "registerModuleAttr",
    "registerObjAttrHandler",
    "require_cmod_version",
    "sLong",
    "select",
    "setListMaxel",
    "set_default_timeout",
    "set_readmem_task",
    "stat",
    "string",
    "structSetAttr",
    "structSetProcAttr",
    "struct_exists",
    "struct_size",
    "sys",
    "tEnum",
    "tPtr",
    "t_start",
    "t_start_children",
    "t_starta",
    "time",
    "traceback",
    "type_length",
    "uInt",
    "uLong",
    "union_size",
    "unsigned16",
    "unsigned32",
    "unsigned64",
    "uvtop",
    "whatis",
]
