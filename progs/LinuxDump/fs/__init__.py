# SPDX-License-Identifier: GPL-2.0-or-later
"""File systems; what scripts import from here is in LinuxDump.fs.superblocks."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any


def __getattr__(name: str) -> Any:
    # Late, because the models in this package do without the API. Its own modules come first.
    is_dunder = name.startswith("__") and name != "__all__"
    if is_dunder or importlib.util.find_spec(f"{__name__}.{name}") is not None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("LinuxDump.fs.superblocks"), name)
