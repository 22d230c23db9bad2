# SPDX-License-Identifier: GPL-2.0-or-later
"""Each tool's page has the options that --help has, and no others."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from pykdump.tool import Tool

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "progs"))

_TOOLS = sorted(
    path.stem
    for path in (ROOT / "progs").glob("*.py")
    if re.search(r"^TOOL\b", path.read_text(), re.MULTILINE)
)


def load(name: str) -> Tool:
    spec = importlib.util.spec_from_file_location(f"page_of_{name}", ROOT / "progs" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    tool = module.TOOL
    assert isinstance(tool, Tool)
    return tool


@pytest.mark.parametrize("name", _TOOLS)
def test_page_and_help_have_the_same_options(name: str) -> None:
    text = (ROOT / "docs" / "tools" / f"{name}.md").read_text()
    known = {
        option
        for action in load(name).parser(name)._actions
        for option in action.option_strings
        if option not in ("-h", "--help")
    }
    assert sorted(option for option in known if f"`{option}" not in text) == []
    # The first column of the tables of options.
    cells = re.findall(r"^\| (`-[^|]*) \|", text, re.MULTILINE)
    told = {word for cell in cells for word in re.findall(r"`(--?[\w-]+)", cell)}
    assert sorted(told - known) == []
