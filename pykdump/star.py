# SPDX-License-Identifier: GPL-2.0-or-later
"""Star imports of models that bring the API as well, as scripts of the classic API expect."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def with_api(namespace: Mapping[str, Any]) -> Callable[[str], Any]:
    """A module's ``__getattr__``: what the module itself does not have, the API does.

    The API is imported when somebody asks for the first of its names, or for all of them.

    :param namespace: the module's ``globals()``.
    """

    def get(name: str) -> Any:
        if name == "__all__":
            own = [name for name in namespace if not name.startswith("_")]
            return [*_api().__all__, *own]
        if name.startswith("__") or name not in _api().__all__:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        return getattr(_api(), name)

    return get


def _api() -> Any:
    return importlib.import_module("pykdump.API")
