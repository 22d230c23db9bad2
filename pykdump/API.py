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
from typing import Any

import pykdump
from pykdump import crash, dlkmload, highlevel, lowlevel, scripts, vmcorearch
from pykdump.accounting import get_task_mem_usage
from pykdump.commands import (
    SuppressCrashErrors,
    exec_command,
    exec_crash_command,
    exec_crash_command_bg,
    exec_crash_command_bg2,
    exec_gdb_command,
    set_default_timeout,
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
    ALIGN,
    FD_ISSET,
    PYKD,
    Addr,
    ArtStructInfo,
    AttrSetter,
    Deref,
    EnumInfo,
    LH_isempty,
    ListHead,
    SmartString,
    StructResult,
    SUInfo,
    TypeInfo,
    VarInfo,
    addr2mod,
    addr2sym,
    atomic_t,
    container_of,
    cpu_to_le32,
    enumerator_value,
    funcargs,
    get_nsproxy,
    get_pathname,
    getFullBuckets,
    getFullBucketsH,
    getListSize,
    getSizeOf,
    getStructInfo,
    hlist_for_each_entry,
    is_task_active,
    le16_to_cpu,
    le32_to_cpu,
    list_for_each_entry,
    member_offset,
    member_size,
    phys_to_page,
    pid_to_task,
    printObject,
    readBadList,
    readInt,
    readList,
    readListByHead,
    readLong,
    readmem,
    readProcessMem,
    readPtr,
    readS32,
    readS64,
    readStructNext,
    readSU,
    readSUArray,
    readSUListFromHead,
    readSymbol,
    readU8,
    readU16,
    readU32,
    readU64,
    readUInt,
    readULong,
    set_nsproxy,
    set_readmem_task,
    setAliases,
    setListMaxel,
    sLong,
    struct_exists,
    struct_size,
    structSetAttr,
    structSetProcAttr,
    sym2addr,
    sym2alladdr,
    symbol_exists,
    task_to_pid,
    tEnum,
    tPtr,
    type_length,
    uInt,
    uLong,
    union_size,
    unsigned16,
    unsigned32,
    unsigned64,
    uvtop,
    whatis,
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
from pykdump.tparser import CDefine, CEnum
from pykdump.vmcorearch import (
    BITS_PER_INT,
    BITS_PER_LONG,
    INT_MASK,
    INT_MAX,
    INT_SIZE,
    LONG_MASK,
    LONG_MAX,
    LONG_SIZE,
    PTR_SIZE,
    KernelRev,
    pointersize,
    sys_info,
)

#: Prints nested lists and dicts: ``pp.pprint(x)``.
pp = pprint.PrettyPrinter(indent=4)

#: For scripts that were written for Python 2.
long = int
#: ``hex``, which ended numbers with an L once.
hexl = hex

#: What ``--debug`` says is in ``API_options.debug``; this one never changes.
debug = 0

#: The oldest form of ``--debug``, which scripts look for by themselves.
re_apidebug = re.compile(r"^--apidebug=(\d+)$")

#: Clocks when the API was imported: the time, and CPU seconds of this process.
t_start, t_starta = time.time(), time.process_time()
#: CPU seconds of its children then.
t_start_children = sum(os.times()[2:4])

registerModuleAttr("debugReload", default=0, help="tell which modules are imported again")
registerObjAttrHandler(dlkmload, "debugDLKM", default=0, help="tell how modules are found")
registerObjAttrHandler(lowlevel, "debugDeref", default=0, help="tell what is dereferenced")
#: Switches of ``pyctl``, as they were when the API was imported.
debugReload: int
#: Switches of ``pyctl``, as they were when the API was imported.
debugDLKM = 0

scripts.install_hooks()

# Constants of the dump, read when they are asked for.
#: Folder of modules' debug info in the repositories of Red Hat's support.
CGDIR: str
#: Ticks of ``jiffies`` in a second.
HZ: int
#: Bytes of a page.
PAGESIZE: int
#: log2 of `PAGESIZE`.
PAGE_CACHE_SHIFT: int
#: Folder of modules' debug info in Red Hat's packages.
RHDIR: str
#: Folders in which `loadModule` looks.
debuginfo: list[str]
#: The kernel's version, ``6.1.0``.
kernel: str
#: The kernel's whole release, as ``uname -r`` prints it.
kname: str


def __getattr__(name: str) -> Any:
    if name in vmcorearch.LATE_NAMES:
        lowlevel.kernel()  # or else: no dump is open
        return getattr(vmcorearch, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "ALIGN",
    "API_options",
    "Addr",
    "ArtStructInfo",
    "AttrSetter",
    "BITS_PER_INT",
    "BITS_PER_LONG",
    "Bunch",
    "CDefine",
    "CEnum",
    "CGDIR",
    "CU_LIVE",
    "CU_LOAD",
    "CU_PYMOD",
    "CU_TIMEOUT",
    "DCache",
    "Deref",
    "EnumInfo",
    "FD_ISSET",
    "HZ",
    "INT_MASK",
    "INT_MAX",
    "INT_SIZE",
    "KernelRev",
    "LH_isempty",
    "LONG_MASK",
    "LONG_MAX",
    "LONG_SIZE",
    "ListHead",
    "Option",
    "OptionParser",
    "PAGESIZE",
    "PAGE_CACHE_SHIFT",
    "PTR_SIZE",
    "PYKD",
    "PY_select",
    "PY_select_purge",
    "PyLog",
    "RHDIR",
    "SUInfo",
    "SmartString",
    "StructResult",
    "SuppressCrashErrors",
    "TrueOnce",
    "TypeInfo",
    "VarInfo",
    "WARNING",
    "addr2mod",
    "addr2sym",
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
    "debuginfo",
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
    "get_nsproxy",
    "get_pathname",
    "get_task_mem_usage",
    "hexl",
    "highlevel",
    "hlist_for_each_entry",
    "importlib",
    "is_task_active",
    "isfileoutput",
    "iterN",
    "kernel",
    "kname",
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
    "pid_to_task",
    "pointersize",
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
    "setAliases",
    "setListMaxel",
    "set_default_timeout",
    "set_nsproxy",
    "set_readmem_task",
    "stat",
    "string",
    "structSetAttr",
    "structSetProcAttr",
    "struct_exists",
    "struct_size",
    "sym2addr",
    "sym2alladdr",
    "symbol_exists",
    "sys",
    "sys_info",
    "tEnum",
    "tPtr",
    "t_start",
    "t_start_children",
    "t_starta",
    "task_to_pid",
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
