# SPDX-License-Identifier: GPL-2.0-or-later
"""The namespaces that network models look into, and globals as attributes."""

from __future__ import annotations

from typing import Any

from pykdump import lowlevel, symbols
from pykdump.access import readSU, readSymbol
from pykdump.errors import CrashError
from pykdump.structs import StructResult

_chosen: tuple[lowlevel.Kernel, int] | None = None


def get_nsproxy() -> StructResult | None:
    """The current ``struct nsproxy``: of the task that `set_nsproxy` chose, else the first one.
    None on kernels without.

    >>> get_nsproxy().uts_ns.name.sysname
    'Linux'
    """
    if _chosen is not None and _chosen[0] is lowlevel.kernel():
        return readSU("struct nsproxy", _chosen[1])
    try:
        found: StructResult = readSymbol("init_nsproxy")
    except TypeError:
        return None
    return found


def set_nsproxy(pid: int | None = None) -> None:
    """Look into the namespaces of a task, or again into the first ones; crash.error when there is
    no such task, or it has none any more.

    >>> set_nsproxy(1)
    >>> get_nsproxy() == readSU("struct task_struct", pid_to_task(1)).nsproxy
    True
    >>> set_nsproxy()
    """
    global _chosen
    _chosen = None
    if pid is None:
        return
    task = symbols.pid_to_task(pid)
    nsproxy = int(readSU("struct task_struct", task).nsproxy) if task else 0
    if not nsproxy:
        what = "has no namespaces: it is about to end" if task else "does not exist"
        raise CrashError(f"task {pid} {what}")
    _chosen = (lowlevel.kernel(), nsproxy)


class _Globals:
    """``PYKD.name`` is ``readSymbol("name")``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return readSymbol(name)


#: Global variables as attributes: ``PYKD.jiffies`` is ``readSymbol("jiffies")``.
PYKD = _Globals()
