# SPDX-License-Identifier: GPL-2.0-or-later
"""Helpers of the plant-*.py scripts: daemons of ours and notes about them."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLANTED = Path("/run/planted")
PR_SET_NAME = 15

_libc = ctypes.CDLL(None, use_errno=True)


def note(name: str, **values: Any) -> None:
    """Put the situation ``name`` in the facts."""
    (PLANTED / f"{name}.json").write_text(json.dumps(values))


def set_comm(comm: bytes) -> None:
    """Name the calling thread."""
    _libc.prctl(PR_SET_NAME, ctypes.c_char_p(comm), 0, 0, 0)


def gettid() -> int:
    return int(_libc.gettid())


def libc() -> ctypes.CDLL:
    return _libc


def daemon(body: Callable[[], Any], comm: bytes) -> int:
    """Run ``body``, then sleep for good, in a child of PID 1; return its pid."""
    reader, writer = os.pipe()
    middle = os.fork()
    if middle == 0:
        if os.fork():
            os._exit(0)
        os.close(reader)
        set_comm(comm)
        # Our parent has to be gone, so that /proc shows PID 1 instead.
        while os.getppid() != 1:
            time.sleep(0.01)
        try:
            body()
        finally:
            os.write(writer, f"{os.getpid()}\n".encode())
            os.close(writer)
        while True:
            signal.pause()
    os.close(writer)
    os.waitpid(middle, 0)
    with open(reader) as stream:
        return int(stream.readline())
