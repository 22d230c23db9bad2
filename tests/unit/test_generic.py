# SPDX-License-Identifier: GPL-2.0-or-later
"""Generic helpers of the classic API."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from pykdump import Generic
from pykdump.Generic import (
    Bunch,
    DCache,
    LazyEval,
    PyCtl,
    TrueOnce,
    argv2s,
    dbits2str,
    getCurrentModule,
    isfileoutput,
    iterN,
    patch_default_kw,
    print2columns,
    registerModuleAttr,
    registerObjAttrHandler,
    require_cmod_version,
)


def test_bunch_is_a_dict_with_attributes_both_ways() -> None:
    bunch = Bunch({"b": 1})
    bunch.a = 2
    bunch["KEY WITH BLANKS"] = 3
    assert (bunch["a"], bunch.b, bunch["KEY WITH BLANKS"]) == (2, 1, 3)
    assert str(bunch).splitlines() == ["   KEY WITH BLANKS  3", "   a  2", "   b  1"]
    other = bunch.copy()
    other.a = 5
    assert bunch.a == 2 and isinstance(other, Bunch) and other.a == 5
    del bunch.a
    with pytest.raises(AttributeError):
        bunch.a
    assert not hasattr(Bunch(), "x")


def test_dcache_gives_none_for_what_is_not_there() -> None:
    DCache.tmp.clear()
    assert DCache.tmp.nosuch is None and DCache.perm.nosuch is None
    DCache.tmp.x = 1
    assert DCache.tmp.x == 1 and DCache.perm.x is None


def test_true_once_is_true_n_times() -> None:
    two = TrueOnce(2)
    assert [bool(two) for _ in range(3)] == [True, True, False]
    one = TrueOnce()
    assert [bool(one), bool(one)] == [True, False]


def test_iter_n_takes_at_most_n() -> None:
    assert list(iterN(iter(range(10)), 3)) == [0, 1, 2]
    assert list(iterN("ab", 5)) == ["a", "b"]


def test_dbits2str_names_single_bits_in_order() -> None:
    assert dbits2str(5, {"A_X": 1, "A_Y": 4, "A_Z": 5}, 2) == "X|Y"
    assert dbits2str(6, {"B": 4, "A": 2, "NONE": 0, "NEGATIVE": -8}) == "B|A"
    assert dbits2str(0, {"A": 1}) == ""


def test_two_columns_pad_the_left_text_to_38(capsys: pytest.CaptureFixture[str]) -> None:
    print2columns("a\nbb", "1\n2\n3")
    assert capsys.readouterr().out.splitlines() == [
        "a" + " " * 37 + "1",
        "bb" + " " * 36 + "2",
        " " * 38 + "3",
    ]


def test_defaults_are_changed_in_functions_and_methods() -> None:
    module = ModuleType("readers")
    exec(
        "def read(a, *, maxel=5): return maxel\n"
        "def other(a, *, limit=5): return limit\n"
        "class List:\n"
        "    def __init__(self, *, maxel=5): self.maxel = maxel\n"
        "    @classmethod\n"
        "    def of(cls, *, maxel=5): return maxel\n",
        vars(module),
    )
    patch_default_kw(module, "maxel", 9)
    assert (module.read(0), module.other(0), module.List().maxel, module.List.of()) == (9, 5, 9, 9)
    assert module.read(0, maxel=1) == 1


def test_a_switch_is_an_attribute_of_the_module_that_registers_it() -> None:
    registerModuleAttr("debugHere", default=0, help="what for")
    switch = PyCtl.registry["debugHere"]
    assert globals()["debugHere"] == 0 and switch.where == __name__
    switch.set("2")
    assert globals()["debugHere"] == 2
    with pytest.raises(ValueError):
        switch.set("x")
    switch.reset()
    assert globals()["debugHere"] == 0
    globals()["kept"] = 7
    registerModuleAttr("kept")
    assert globals()["kept"] == 7
    del PyCtl.registry["debugHere"], PyCtl.registry["kept"]


def test_a_switch_may_be_of_any_object_under_another_name() -> None:
    bunch = Bunch()
    registerObjAttrHandler(bunch, "verbose", "bunchVerbose", default="no", type=str)
    PyCtl.registry.pop("bunchVerbose").set("yes")
    assert bunch.verbose == "yes"


def test_the_framework_registers_its_switches() -> None:
    assert {"debugDCache", "debugMP_KW", "debugMemoize"} <= set(PyCtl.registry)


def test_the_current_module_is_that_of_the_caller() -> None:
    assert getCurrentModule() is sys.modules[__name__]


def test_a_command_line_as_text_has_a_base_name_quotes_and_blanks() -> None:
    assert argv2s(["/home/x/tool.py", "-v", "a b"]) == ' tool.py -v "a b" '


def test_file_output_is_a_regular_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with open(tmp_path / "out", "w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert isfileoutput()
    monkeypatch.setattr(sys, "stdout", None)
    assert not isfileoutput()


def test_an_old_module_ends_the_script_with_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    import pykdump.crash  # noqa: F401

    require_cmod_version("3.2.1")
    require_cmod_version("3.1")
    with pytest.raises(SystemExit):
        require_cmod_version("99.0.0")
    assert "99.0.0" in capsys.readouterr().out


def test_lazy_attributes_are_computed_once_for_each_object() -> None:
    calls: list[object] = []

    class Host:
        names = LazyEval("names", lambda host: calls.append(host) or len(calls))

    one, two = Host(), Host()
    assert [one.names, one.names, two.names] == [1, 1, 2]


def test_caches_are_found_here_as_before_2019() -> None:
    for name in ("memoize_cond", "CU_LIVE", "CU_LOAD", "CU_PYMOD", "CU_TIMEOUT"):
        assert hasattr(Generic, name)
