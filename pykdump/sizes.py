# SPDX-License-Identifier: GPL-2.0-or-later
"""Sizes, offsets, existence: what this kernel's types really are, aliases left aside."""

from __future__ import annotations

from typing import Any

from pykdump import debugtypes
from pykdump.debugtypes import CType
from pykdump.paths import find_path


def struct_size(name: str) -> int:
    """Size of any type in bytes; -1 when it is unknown.

    >>> struct_size("struct list_head"), struct_size("unsigned long"), struct_size("struct nosuch")
    (16, 8, -1)
    """
    found = debugtypes.find_or_none(name)
    return -1 if found is None else found.size


#: The same as `struct_size`.
union_size = getSizeOf = struct_size


def struct_exists(name: str) -> bool:
    """Whether the debug info has a struct, union, enum or typedef of this name.

    >>> struct_exists("struct task_struct"), struct_exists("pid_t"), struct_exists("struct nosuch")
    (True, True, False)
    """
    return debugtypes.find_or_none(name) is not None


def member_size(name: str, field: str) -> int:
    """Size of a member in bytes, of all its elements if it is an array; -1 when it is unknown.

    >>> member_size("struct task_struct", "comm"), member_size("struct task_struct", "nosuch")
    (16, -1)
    """
    found = debugtypes.find_or_none(name)
    path = find_path(found, field) if found else None
    return -1 if path is None or not field else path.field.type.size


def member_offset(name: str, path: str) -> int:
    """Offset of a member in bytes; ``"a.b"`` descends into embedded structs. -1 when there is no
    such member, or a pointer on the way.

    >>> member_offset("struct list_head", "prev"), member_offset("struct task_struct", "nosuch")
    (8, -1)
    >>> se = member_offset("struct task_struct", "se")
    >>> member_offset("struct task_struct", "se.exec_start") > se
    True
    """
    found = debugtypes.find_or_none(name)
    return -1 if found is None else offset_in(found, path)


def offset_in(struct: CType, path: str) -> int:
    """The same in a type."""
    found = find_path(struct, path)
    return -1 if found is None or found.hops or not path else found.field.offset


def atomic_t(obj: Any) -> int:
    """The number in an ``atomic_t``, ``atomic64_t`` or ``refcount_t``; of an int, itself.

    >>> atomic_t(readSU("struct task_struct", pid_to_task(1)).mm.mm_users)
    1
    >>> atomic_t(5)
    5
    """
    if type(obj) is int:
        return obj
    while obj.hasField("refs"):
        obj = obj.refs
    value: int = obj.counter
    return value


__all__ = [
    "atomic_t",
    "getSizeOf",
    "member_offset",
    "member_size",
    "struct_exists",
    "struct_size",
    "union_size",
]
