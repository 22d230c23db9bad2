# SPDX-License-Identifier: GPL-2.0-or-later
"""Every row of the classic API's tables of values and of its checklist has a test that exists."""

from __future__ import annotations

import ast
import importlib
from collections import Counter
from functools import cache
from pathlib import Path

import conformance
import pytest
from conformance_index import INDEX, ROWS_OF

_TESTS = Path(__file__).resolve().parent.parent


def test_no_row_is_left_out() -> None:
    sections = Counter(row.split(" ")[0] for row in INDEX)
    checklist = [row for row in INDEX if row.startswith("25.")]
    others = [row for row in INDEX if row.startswith("9")]
    found = {name: sections[name] for name in ("7.1", "7.2", "7.3", "8")}
    assert {**found, "9": len(others), "25": len(checklist)} == ROWS_OF
    numbers = [int(row.split(" ")[0].removeprefix("25.")) for row in checklist]
    assert numbers == list(range(1, len(checklist) + 1))


@pytest.mark.parametrize("row", INDEX)
def test_row_has_tests_that_exist(row: str) -> None:
    assert INDEX[row]
    for test in INDEX[row]:
        assert any(
            test.partition(": ")[2] in name for name in _names(test.partition(": ")[0])
        ), test


@cache
def _names(place: str) -> list[str]:
    # Functions of a test file, and entries of its tables.
    if place.startswith("line "):
        return [""] if int(place.removeprefix("line ")) in _lines() else []
    (path,) = _TESTS.rglob(f"test_{place}.py")
    tree = ast.parse(path.read_text())
    names = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    if place.startswith("conformance_"):
        module = importlib.import_module(path.stem)
        tables = [table for table in vars(module).values() if isinstance(table, dict)]
        if place == "conformance_values":
            tables += [conformance.TEXTS, conformance.ARRAYS]
        names += [name for table in tables for name in table if isinstance(name, str)]
    return names


@cache
def _lines() -> set[int]:
    tree = ast.parse((_TESTS / "vmcore" / "checklist.py").read_text())
    return {
        key.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, int)
    }
