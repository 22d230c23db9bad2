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
from pykdump import crash, dlkmload, scripts
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
debugReload: int
debugDLKM = 0

scripts.install_hooks()

__all__ = [
    "API_options",
    "Bunch",
    "CDefine",
    "CEnum",
    "CU_LIVE",
    "CU_LOAD",
    "CU_PYMOD",
    "CU_TIMEOUT",
    "DCache",
    "Option",
    "OptionParser",
    "PY_select",
    "PY_select_purge",
    "PyLog",
    "SuppressCrashErrors",
    "TrueOnce",
    "WARNING",
    "argv2s",
    "atexit",
    "crash",
    "dbits2str",
    "debug",
    "debugDLKM",
    "debugReload",
    "defaultdict",
    "delModule",
    "exec_command",
    "exec_crash_command",
    "exec_crash_command_bg",
    "exec_crash_command_bg2",
    "exec_gdb_command",
    "getCurrentModule",
    "hexl",
    "importlib",
    "isfileoutput",
    "iterN",
    "loadModule",
    "long",
    "lsModules",
    "memoize_cond",
    "memoize_typeinfo",
    "os",
    "patch_default_kw",
    "possibleModuleNames",
    "pp",
    "pprint",
    "print2columns",
    "purge_memoize_cache",
    "purge_typeinfo",
    "pykdump",
    "pylog",
    "re",
    "re_apidebug",
    "registerModuleAttr",
    "registerObjAttrHandler",
    "require_cmod_version",
    "select",
    "set_default_timeout",
    "stat",
    "string",
    "sys",
    "t_start",
    "t_start_children",
    "t_starta",
    "time",
    "traceback",
]
