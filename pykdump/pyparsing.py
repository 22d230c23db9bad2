# SPDX-License-Identifier: GPL-2.0-or-later
"""The pyparsing of this Python under the name that scripts import it by."""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = ("pyparsing", "pip._vendor.pyparsing", "pkg_resources._vendor.pyparsing")


def _find() -> Any:
    for place in _PLACES:
        try:
            return importlib.import_module(place)
        except ImportError:
            continue
    raise ImportError("pyparsing is not installed for the Python of GDB; install python3-pyparsing")


_found = _find()
__all__ = list(_found.__all__)
globals().update({name: getattr(_found, name) for name in __all__})
