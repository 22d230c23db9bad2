# SPDX-License-Identifier: GPL-2.0-or-later
"""Layouts of members whose names Python does not take can be declared."""

from __future__ import annotations

import pytest

from pykdump.layout import Layout


@pytest.mark.parametrize(
    "member, name",
    [
        ("se.exec_start", "se_exec_start"),
        ("_refcount.counter", "refcount_counter"),
        ("__page_type", "page_type"),
        ("class", "class_"),
        ("dev.class", "dev_class"),
    ],
)
def test_names_of_members_become_those_of_columns(member: str, name: str) -> None:
    assert Layout("struct page", member)._row_type._fields == (name,)
