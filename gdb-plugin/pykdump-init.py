# SPDX-License-Identifier: GPL-2.0-or-later
"""Adds pykdump to GDB: `gdb -x pykdump-init.py …`, or `source` it, or from ~/.gdbinit.

Works in the source tree, with the extension in build/ (or in $PYKDUMP_BUILD), and installed.
Loading it twice is harmless.
"""

import os
import sys

import gdb

_MINIMUM_GDB = 13


def _tree() -> str:
    return os.path.dirname(os.path.dirname(os.path.realpath(os.path.expanduser(__file__))))


def _check_gdb() -> None:
    major = gdb.VERSION.split(".")[0]
    if major.isdigit() and int(major) < _MINIMUM_GDB:
        raise _CannotLoad(
            f"pykdump needs GDB {_MINIMUM_GDB} or newer, this is {gdb.VERSION}; install a newer one"
        )


def _import_accelerator(tree: str) -> None:
    import pykdump

    build = os.environ.get("PYKDUMP_BUILD") or os.path.join(tree, "build")
    folder = os.path.join(build, "accel")
    if os.path.isdir(folder) and folder not in pykdump.__path__:
        pykdump.__path__.append(folder)
    try:
        import pykdump._accel  # noqa: F401
    except ImportError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        others = [
            name
            for place in pykdump.__path__
            if os.path.isdir(place)
            for name in os.listdir(place)
            if name.startswith("_accel.") and name.endswith(".so")
        ]
        if others and "No module named" in str(error):
            reason = f"{others[0]} is built for another Python than GDB's {version}"
        elif others:
            reason = str(error)
        else:
            reason = f"there is no pykdump/_accel*.so in {tree}, nor in {folder}"
        raise _CannotLoad(
            f"pykdump's extension cannot be loaded: {reason}; build it with {tree}/packaging/build"
        ) from None


class _CannotLoad(Exception):
    """The text is a sentence for the user."""


def _load() -> None:
    tree = _tree()
    _check_gdb()
    for folder in (tree, os.path.join(tree, "gdb-plugin"), os.path.join(tree, "progs")):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    _import_accelerator(tree)

    import pykdump_gdb
    from pykdump_gdb import takeover

    pykdump_gdb.register()
    takeover.consider()


try:
    _load()
except (_CannotLoad, gdb.GdbError) as reason:
    # GDB would show it with a traceback.
    gdb.write(f"{reason}\n", gdb.STDERR)
