# SPDX-License-Identifier: GPL-2.0-or-later
"""GDB's index cache, which decides what the first question about a vmlinux costs.

Without an index GDB 13 expands every unit that mentions a name: 20 to 40 s and 1.8 GB for the first
`p`. With one from the cache it takes 0.1 s. GDB uses a file of its cache only if it is there before
vmlinux is loaded, and writes it while it loads: so the first time ever, vmlinux is loaded twice.
Until an index is there, nothing may be evaluated.
"""

from __future__ import annotations

import os
import re
import time

import gdb

from pykdump import files
from pykdump_gdb.progress import ProgressLine

#: For how long a GDB that writes its cache in the background is waited for.
_WAIT_S = 60.0


def enable() -> None:
    """Turn the index cache on, in a folder of pykdump's, unless the user has it on already."""
    if gdb.parameter("index-cache enabled"):
        return
    folder = directory()
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        gdb.write(
            f"warning: no index cache, so first questions will be slow: {error}; "
            "set XDG_CACHE_HOME to a folder that can be written\n"
        )
        return
    gdb.execute(f"set index-cache directory {folder}", to_string=True)
    gdb.execute("set index-cache enabled on", to_string=True)


def directory() -> str:
    """Where pykdump has GDB keep indexes: a folder for each version, since formats differ."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    version = re.sub(r"[^\w.+-]", "_", gdb.VERSION)
    return os.path.join(base, "pykdump", f"gdb-index-{version}")


def is_cached(build_id: str) -> bool:
    """Whether GDB will find an index for a file with this build-id in its cache."""
    folder = str(gdb.parameter("index-cache directory"))
    return bool(build_id) and any(
        os.path.exists(os.path.join(folder, build_id + suffix))
        for suffix in (".gdb-index", ".debug_names")
    )


def wait_until_cached(vmlinux: str, build_id: str, progress: ProgressLine) -> bool:
    """Wait for the index of a vmlinux that was just loaded without one.

    Returns whether loading it again will find an index.
    """
    if is_cached(build_id):
        return True
    if not gdb.parameter("index-cache enabled") or not build_id or _reads_in_background():
        return False
    if {".gdb_index", ".debug_names"} & files.section_names(vmlinux):
        return False  # brings its own index: GDB neither needs nor writes another
    if not os.access(str(gdb.parameter("index-cache directory")), os.W_OK):
        return False
    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end:
        progress("waiting for GDB's index of vmlinux, once for each vmlinux")
        if is_cached(build_id):
            return True
        time.sleep(0.05)
    return False


def _reads_in_background() -> bool:
    # Such a GDB (15 and newer) answers its first question in 2 s without any index.
    try:
        gdb.execute("maint show dwarf synchronous", to_string=True)
    except gdb.error:
        return False
    return True
