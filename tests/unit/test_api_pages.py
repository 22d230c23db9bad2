# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/api is what the docstrings say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_spec = importlib.util.spec_from_file_location("docs", ROOT / "packaging" / "docs.py")
assert _spec and _spec.loader
docs = importlib.util.module_from_spec(_spec)
sys.modules["docs"] = docs
_spec.loader.exec_module(docs)


def test_the_pages_are_up_to_date() -> None:
    pages = docs.api_pages()
    folder = ROOT / "docs" / "api"
    stale = [name for name, text in pages.items() if _text(folder / name) != text]
    left = {path.name for path in folder.glob("*.md")} - {*pages, "compatibility.md"}
    assert not stale and not left, f"run packaging/docs.py: {stale} differ, {left} are not made"


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_every_exported_name_is_described() -> None:
    for name in docs.exported("pykdump.API"):
        found = docs.find("pykdump.API", name)
        if found.node is not None:
            assert docs.ast.get_docstring(found.node), f"{found.module}.{name} has no docstring"
        assert not docs._row(name, found).endswith(
            "|  |\n"
        ), f"{found.module}.{name} is not described"
