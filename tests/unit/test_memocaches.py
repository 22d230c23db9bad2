# SPDX-License-Identifier: GPL-2.0-or-later
"""Caches: what is kept, what drops it, and the expressions that PY_select remembers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pykdump import lowlevel, memocaches
from pykdump.memocaches import (
    CU_LIVE,
    CU_LOAD,
    CU_PYMOD,
    CU_TIMEOUT,
    PY_select,
    PY_select_purge,
    memoize_cond,
    memoize_typeinfo,
    purge_memoize_cache,
    purge_typeinfo,
)


@pytest.fixture(autouse=True)
def clean() -> None:
    memocaches.forget()


def test_flags_are_the_classic_bits() -> None:
    assert (CU_LIVE, CU_LOAD, CU_PYMOD, CU_TIMEOUT) == (1, 2, 4, 8)


def test_two_calls_ask_the_function_once() -> None:
    calls: list[int] = []

    @memoize_cond(0)
    def twice(x: int) -> int:
        calls.append(x)
        return 2 * x

    assert (twice(1), twice(1), twice(2)) == (2, 2, 4)
    assert calls == [1, 2]
    assert twice(1, MEMOIZE=False) == 2 and calls == [1, 2, 1]


def test_arguments_that_cannot_be_hashed_are_not_kept() -> None:
    assert memoize_cond(0)(len)([1, 2]) == 2


def test_functions_of_one_name_in_two_modules_do_not_mix() -> None:
    one = memoize_cond(0)(SimpleNamespace)
    assert one() is one()

    def made(module: str, value: int) -> object:
        def same() -> int:
            return value

        same.__module__ = module
        return memoize_cond(0)(same)

    assert (made("a", 1)(), made("b", 2)()) == (1, 2)  # type: ignore[operator]


def test_a_purge_drops_what_has_any_of_its_flags() -> None:
    calls: list[str] = []
    load = memoize_cond(CU_LOAD | CU_LIVE)(lambda: calls.append("load"))
    timeout = memoize_cond(CU_TIMEOUT)(lambda: calls.append("timeout"))
    for _ in range(2):
        load(), timeout()
    purge_memoize_cache(CU_LOAD | CU_PYMOD)
    load(), timeout()
    assert calls == ["load", "timeout", "load"]


def test_debug_info_that_comes_in_drops_cu_load_and_types(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    load = memoize_cond(CU_LOAD)(lambda: calls.append("load"))
    other = memoize_cond(CU_PYMOD)(lambda: calls.append("other"))
    known = memoize_typeinfo(lambda name: calls.append(name))
    for _ in range(2):
        load(), other(), known("struct x")
        monkeypatch.setattr(lowlevel, "generation", lowlevel.generation + 1)
    assert calls == ["load", "other", "struct x", "load", "struct x"]


def test_another_dump_drops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    kept = memoize_cond(0)(lambda: calls.append("asked"))
    kept()
    monkeypatch.setattr(lowlevel, "_kernel", object())
    kept()
    assert calls == ["asked", "asked"]


def test_types_are_dropped_by_name_or_all() -> None:
    calls: list[str] = []
    size = memoize_typeinfo(lambda name: calls.append(name) or len(name))
    assert [size("ab"), size("c"), size("ab")] == [2, 1, 2]
    purge_typeinfo("ab")
    size("ab"), size("c")
    purge_typeinfo()
    size("c")
    assert calls == ["ab", "c", "ab", "c"]


class Kernel:
    def __getattr__(self, name: str) -> int:
        raise KeyError(name)

    state = 7


def test_py_select_takes_the_first_expression_that_this_kernel_allows() -> None:
    task = Kernel()
    assert task.state == 7
    assert PY_select("task.__state", "task.state") == 7
    assert PY_select("nosuch.x", "1+1") == 2
    assert PY_select("nosuch", "task[0]", "None.x") is None
    with pytest.raises(ZeroDivisionError):
        PY_select("1/0", "1")


def test_py_select_asks_the_winner_first_and_the_rest_if_it_fails() -> None:
    asked: list[str] = []

    def new(value: int | None) -> int:
        asked.append("new")
        if value is None:
            raise KeyError("new")
        return value

    def old() -> int:
        asked.append("old")
        return 1

    for value in (None, None, 5):
        PY_select("new(value)", "old()")
    assert asked == ["new", "old", "old", "old"]
    PY_select_purge()
    assert PY_select("new(value)", "old()") == 5
