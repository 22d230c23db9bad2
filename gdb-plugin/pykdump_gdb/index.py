# SPDX-License-Identifier: GPL-2.0-or-later
"""GDB's index cache, which decides what the first question about a vmlinux costs.

Without an index GDB 13 expands every unit that mentions a name: 20 to 40 s and 1.8 GB for the first
`p`. With one from the cache it takes 0.1 s. GDB uses a file of its cache only if it is there before
vmlinux is loaded, so the first time ever it is made before. Until then nothing may be evaluated.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import time

import gdb

from pykdump import files
from pykdump_gdb.progress import ProgressLine


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
    version = re.sub(r"[^\w.+-]", "_", gdb.VERSION)
    return os.path.join(cache_folder(), f"gdb-index-{version}")


def cache_folder() -> str:
    """The folder of all that pykdump keeps between sessions."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "pykdump")


def is_cached(build_id: str) -> bool:
    """Whether GDB will find an index for a file with this build-id in its cache."""
    folder = str(gdb.parameter("index-cache directory"))
    return bool(build_id) and any(
        os.path.exists(os.path.join(folder, build_id + suffix))
        for suffix in (".gdb-index", ".debug_names")
    )


def of_placed(placement: str) -> str:
    """Folder of the cache for files that are relocatable, such as modules.

    GDB's index of one holds the addresses where it was first, and would be taken for it anywhere.

    :param placement: what GDB was told of where the file's sections are.
    """
    import hashlib  # it brings 2 MB of libcrypto, and few sessions need it

    name = hashlib.sha1(placement.encode()).hexdigest()[:16]
    return os.path.join(str(gdb.parameter("index-cache directory")), "placed", name)


def prepare(vmlinux: str, build_id: str, progress: ProgressLine) -> None:
    """Have an index of vmlinux in the cache before it is loaded, if this GDB needs one.

    Another GDB makes it: that takes as long as here, but leaves no 300 MB behind, and Ctrl-C ends
    it at once, which GDB does not notice while it reads debug info itself.
    """
    if is_cached(build_id) or not _is_needed(vmlinux, build_id):
        return
    child = subprocess.Popen(
        _command_line(vmlinux),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while child.poll() is None:
            progress("indexing vmlinux, once for each vmlinux")
            time.sleep(0.05)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
            _remove_unfinished(build_id)


def _is_needed(vmlinux: str, build_id: str) -> bool:
    if not build_id or not gdb.parameter("index-cache enabled") or _reads_in_background():
        return False
    # One that brings its own index needs no other, and GDB would write none.
    return not {".gdb_index", ".debug_names"} & files.section_names(vmlinux)


def _command_line(vmlinux: str) -> list[str]:
    words = [os.path.realpath("/proc/self/exe"), "-nx", "-batch"]
    words += ["-data-directory", str(gdb.parameter("data-directory"))]
    for command in (
        "set debuginfod enabled off",
        f"set index-cache directory {gdb.parameter('index-cache directory')}",
        "set index-cache enabled on",
    ):
        words += ["-iex", command]
    return [*words, vmlinux]


def _remove_unfinished(build_id: str) -> None:
    folder = str(gdb.parameter("index-cache directory"))
    for path in glob.glob(os.path.join(glob.escape(folder), f"{build_id}.*-??????")):
        os.unlink(path)


def _reads_in_background() -> bool:
    # Such a GDB (15 and newer) answers its first question in 2 s without any index.
    try:
        gdb.execute("maint show dwarf synchronous", to_string=True)
    except gdb.error:
        return False
    return True
