# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: run a command and get its output; ``!WORDS`` runs a shell's command."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable

from pykdump.API import exec_crash_command, exec_gdb_command
from pykdump.star import with_api


def run_gdb_command(cmd: str) -> str:
    """Output of a command of GDB; of what follows ``!``, by the shell."""
    return _shell(cmd) if cmd.startswith("!") else exec_gdb_command(cmd) or ""


def run_crash_command(cmd: str) -> str:
    """Output of a command of crash that the API knows; of what follows ``!``, by the shell."""
    return _shell(cmd) if cmd.startswith("!") else exec_crash_command(cmd)


def run_gdb_command_with_file(cmd: str, text: str) -> str:
    """The same of a command of GDB whose last word is a file with this text."""
    return _with_file(text, lambda path: run_gdb_command(f"{cmd} {path}"))


def run_crash_command_with_file(cmd: str, text: str) -> str:
    """The same of a command of crash whose last word is a file with this text."""
    return _with_file(text, lambda path: run_crash_command(f"{cmd} {path}"))


def _shell(cmd: str) -> str:
    done = subprocess.run(
        cmd[1:],
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.stdout.decode("utf-8", "backslashreplace")


def _with_file(text: str, run: Callable[[str], str]) -> str:
    handle, path = tempfile.mkstemp(prefix="pykdump-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        return run(path)
    finally:
        os.unlink(path)


__getattr__ = with_api(globals())
