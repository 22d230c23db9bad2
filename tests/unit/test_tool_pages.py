# SPDX-License-Identifier: GPL-2.0-or-later
"""Each tool's page has the options that --help has, shows them in sessions, and tests have them."""

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


_SHOWN = (
    *("crashinfo", "fregs", "hanginfo", "modinfo", "pstree", "refs", "search", "slab"),
    *("taskinfo", "tslog", "whatis"),
)


def spellings(name: str) -> list[list[str]]:
    return [
        [option for option in action.option_strings]
        for action in load(name).parser(name)._actions
        if action.option_strings and "--help" not in action.option_strings
    ]


@pytest.mark.parametrize("name", _SHOWN)
def test_each_option_is_in_a_session_of_the_page(name: str) -> None:
    text = (ROOT / "docs" / "tools" / f"{name}.md").read_text()
    sessions = "\n".join(re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    lines = re.findall(rf"^\(gdb\) pykdump {name}\b.*", sessions, re.MULTILINE)
    words = {word.partition("=")[0] for line in lines for word in line.split()}
    letters = {letter for word in words if re.match(r"-\w", word) for letter in word[1:]}

    def is_shown(options: list[str]) -> bool:
        return any(option in words for option in options) or any(
            option[1] in letters for option in options if len(option) == 2
        )

    assert [options for options in spellings(name) if not is_shown(options)] == []


@pytest.mark.parametrize("name", _SHOWN)
def test_each_option_is_in_a_test_on_real_dumps(name: str) -> None:
    files = [path.read_text() for path in (ROOT / "tests" / "vmcore").glob("test_*.py")]
    texts = "\n".join(text for text in files if re.search(rf"\b{name}\b", text))

    def is_tested(options: list[str]) -> bool:
        # Views of crashinfo are named without their dashes, several letters may share one.
        return any(
            re.search(rf"(?<![\w-])(--?|-\w*)?{option.lstrip('-')}(?![\w-])", texts)
            for option in options
        )

    assert [options for options in spellings(name) if not is_tested(options)] == []
