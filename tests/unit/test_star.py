# SPDX-License-Identifier: GPL-2.0-or-later
"""Modules whose star import brings the API."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import pytest

from pykdump.star import with_api


@pytest.fixture()
def model(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("model")
    module.own, module._hidden, module.sys = 1, 2, "its own"  # type: ignore[attr-defined]
    module.__getattr__ = with_api(vars(module))  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "model", module)
    return module


def test_one_name_of_the_api_is_found_in_the_module(model: ModuleType) -> None:
    api = importlib.import_module("pykdump.API")
    assert model.readSU is api.readSU and model.own == 1 and model.sys == "its own"
    with pytest.raises(AttributeError, match="'model' has no attribute 'nosuch'"):
        model.nosuch
    with pytest.raises(ImportError):
        exec("from model import nosuch", {})


def test_the_star_is_the_modules_names_and_those_of_the_api(model: ModuleType) -> None:
    names = set(model.__all__)
    assert {"own", "readSU", "os", "HZ"} <= names and "_hidden" not in names


def test_without_a_dump_the_star_says_what_is_missing(model: ModuleType) -> None:
    namespace: dict[str, Any] = {}
    with pytest.raises(Exception, match="no dump is open"):
        exec("from model import *", namespace)
