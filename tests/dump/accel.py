# SPDX-License-Identifier: GPL-2.0-or-later
"""The built accelerator, or a skip; and running it where a crash harms nobody else."""

from __future__ import annotations

import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

_accel: Any = pytest.importorskip(
    "pykdump._accel", reason="the accelerator is not built; run packaging/build"
)

CHILD_MEMORY = 4 << 30
CHILD_SECONDS = 60


def open_dump(*paths: Path) -> Any:
    """The dump in these files."""
    return _accel.Dump.open([str(path) for path in paths])


def pages_read(dump: Any, pfns: Iterable[int], page: int = 4096) -> dict[int, bytes]:
    """Page frames that can be read, with their contents."""
    found = {}
    for pfn in pfns:
        try:
            found[pfn] = dump.read_physical(pfn * page, page)
        except _accel.ReadError:
            continue
    return found


def in_child(function: Callable[[], str]) -> str:
    """Result of a function that runs in a process of its own; fails the test if that dies."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        _run_child(function, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        pytest.fail(f"died of {signal.Signals(os.WTERMSIG(status)).name}")
    if os.WEXITSTATUS(status):
        pytest.fail(text)
    return text


def _run_child(function: Callable[[], str], writer: int) -> None:
    if "libasan" not in os.environ.get("LD_PRELOAD", ""):  # which maps terabytes for itself
        resource.setrlimit(resource.RLIMIT_AS, (CHILD_MEMORY, CHILD_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(CHILD_SECONDS)
    code = 1
    try:
        text = function()
        code = 0
    except BaseException:  # even SystemExit must not run pytest's own clean-up here
        text = traceback.format_exc()
    os.write(writer, text.encode()[:60_000])
    os._exit(code)
