# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds the vmlinux of a dump by build-id and release where distributions put it."""

from __future__ import annotations

import glob
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pykdump.errors import Interrupted, VmlinuxMissingError

#: Colon-separated folders to look in before all others.
SEARCH_VARIABLE = "PYKDUMP_DEBUGINFO"

#: What an acceptable file says of itself; None for one that is no ELF file.
BuildIdOf = Callable[[str], "str | None"]


def find_vmlinux(
    dump_paths: Sequence[str],
    build_id: str,
    release: str,
    build_id_of: BuildIdOf,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """Path of the vmlinux with this build-id, or of this release where the dump has no build-id.

    Raises VmlinuxMissingError, which lists where it looked.

    :param build_id: hex digits, "" when the dump has none.
    :param release: ``uname -r``, "" when unknown.
    :param build_id_of: reads the build-id of a file, None for one that is no ELF file.
    """
    wanted = f"build-id {build_id}" if build_id else f"release {release or 'unknown'}"
    looked: list[str] = []
    if not build_id and not release:
        raise VmlinuxMissingError(
            f"cannot search a vmlinux for {dump_paths[0]}: the dump names neither its build-id nor "
            "its release; name the file: pykdump open --vmlinux VMLINUX VMCORE"
        )
    for path in candidates(dump_paths, build_id, release, environ):
        looked.append(path)
        if not os.path.isfile(path):
            continue
        found = build_id_of(path)
        if found is not None and (found == build_id or not build_id):
            return path
        looked[-1] += f" (build-id {found})" if found else " (not an ELF file)"
    if build_id and environ.get("DEBUGINFOD_URLS"):
        path_or_reason = ask_debuginfod(build_id)
        if os.path.isabs(path_or_reason):
            return path_or_reason
        looked.append(f"debuginfod at {environ['DEBUGINFOD_URLS']} ({path_or_reason})")
    raise VmlinuxMissingError(
        f"no vmlinux with {wanted} found; install the kernel's debug symbols or name the file with "
        f"--vmlinux; looked at:\n  " + "\n  ".join(looked)
    )


def candidates(
    dump_paths: Sequence[str], build_id: str, release: str, environ: Mapping[str, str]
) -> Iterator[str]:
    """Files that may be the wanted vmlinux, the likeliest first, each once; not all exist."""
    names = ["vmlinux", f"vmlinux-{release}", f"vmlinux-{release}.debug", "vmlinux.debug"]
    if not release:
        names = ["vmlinux", "vmlinux.debug"]
    folders = [os.path.dirname(os.path.abspath(path)) for path in dump_paths]
    extra = [folder for folder in environ.get(SEARCH_VARIABLE, "").split(":") if folder]
    by_id = f".build-id/{build_id[:2]}/{build_id[2:]}.debug" if build_id else ""

    def everywhere() -> Iterator[str]:
        for folder in extra + folders:
            yield from _in_folder(folder, names)
        for folder in extra:
            if by_id:
                yield os.path.join(folder, by_id)
        if by_id:
            yield f"/usr/lib/debug/{by_id}"
        if release:
            yield f"/usr/lib/debug/boot/vmlinux-{release}"
            yield f"/usr/lib/debug/lib/modules/{release}/vmlinux"
            yield f"/usr/lib/debug/lib/modules/{release}/vmlinux.debug"
            yield f"/lib/modules/{release}/vmlinux"
            yield f"/lib/modules/{release}/build/vmlinux"
            yield f"/usr/lib/debug/usr/lib/modules/{release}/vmlinux"
            yield f"/boot/vmlinux-{release}"

    return _once(everywhere())


def _in_folder(folder: str, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield os.path.join(folder, name)
    yield from sorted(glob.glob(os.path.join(glob.escape(folder), "vmlinux*")))


def _once(paths: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for path in paths:
        if path not in seen:
            seen.add(path)
            yield path


def ask_debuginfod(build_id: str) -> str:
    """Absolute path of the debug info with this build-id from the user's servers, or why not."""
    try:
        asked = subprocess.run(
            ["debuginfod-find", "debuginfo", build_id],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=600,
        )
    except FileNotFoundError:
        return "debuginfod-find is not installed"
    except subprocess.TimeoutExpired:
        return "no answer in 10 minutes"
    except KeyboardInterrupt:
        raise Interrupted(f"search for build-id {build_id} interrupted") from None
    if asked.returncode != 0:
        return (asked.stderr.strip().splitlines() or ["not found"])[-1]
    return str(Path(asked.stdout.strip()))
