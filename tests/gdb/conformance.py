# SPDX-License-Identifier: GPL-2.0-or-later
"""What mini_conformance.c planted, by C expression, as Python shall see it.

Addresses are given as expressions of their own ("&conf_target"), to be evaluated where they are
compared; text is bytes.
"""

from __future__ import annotations

INTEGERS = {
    "conf_ints.s8_min": -128,
    "conf_ints.s8_minus1": -1,
    "conf_ints.u8_max": 255,
    "conf_ints.s16_min": -32768,
    "conf_ints.u16_max": 65535,
    "conf_ints.s32_min": -(2**31),
    "conf_ints.u32_max": 2**32 - 1,
    "conf_ints.s64_min": -(2**63),
    "conf_ints.u64_max": 2**64 - 1,
    "conf_ints.long_minus1": -1,
    "conf_ints.ulong_high": 0xFFFF888000001000,
    "conf_ints.plain_char": ord("A"),
    "conf_ints.yes": True,
    "conf_ints.no": False,
    "conf_anonymous_enum": 77,
    "conf_target": -12345,
    "conf_typedef.only_by_typedef": 31,
    "conf_qualified": 77,
}

#: Wider than the integers that GDB 13 can convert to Python's.
WIDE = {"conf_ints.wide": -2}

ENUMS = {
    "conf_enums.colour": 6,  # CONF_BLUE
    "conf_enums.unnamed_value": 42,  # of no enumerator
    "conf_enums.sign": -3,  # CONF_MINUS
    "conf_enums.small": 5,  # CONF_GREEN, in a bitfield of 4
}

BITFIELDS = {
    "conf_bits.u1": 1,
    "conf_bits.u3": 5,
    "conf_bits.u12": 0xABC,
    "conf_bits.s4": -8,
    "conf_bits.s12": -2,
    "conf_bits.flag": True,
    "conf_bits.other": False,
    "conf_bits.u40": 0xFF00000001,
    "conf_bits.s20": -1,
    "conf_bits.inner_u5": 17,
    "conf_bits.inner_s5": -16,
    "conf_bits.whole": 0x12340078,
    "conf_bits.low": 0x78,
    "conf_bits.high": 0x1234,
}

NESTED = {
    "conf_nested.before": 1,
    "conf_nested.deep": 0xDEADBEEF,
    "conf_nested.deep_bytes[0]": 0xEF,
    "conf_nested.beside": 7,
    "conf_nested.both": 0x7DEADBEEF,
    "conf_nested.inner.x": 2,
    "conf_nested.inner.y": 3,
    "conf_nested.inners[0].y": 5,
    "conf_nested.inners[1].x": 6,
    "conf_nested.inners[1].y": 8,
    "conf_nested.named_union.as_long": -1,
    "conf_nested.named_union.as_pointer": 2**64 - 1,
    "conf_nested.after": 9,
}

#: char arrays, up to their NUL, and the text behind char pointers.
TEXTS = {
    "conf_text.array": b"sixteen or less",
    "conf_text.full": b"full",
    "conf_text.empty": b"",
    "conf_text.latin": b"caf\xe9",
    "conf_text.pointer": b"pointed at",
    "conf_text.words[0]": b"one",
    "conf_text.words[1]": b"two",
    "conf_text.table[0]": b"left",
    "conf_text.table[1]": b"right",
}

ARRAYS = {
    "conf_text.bytes": [0, 1, 0xFE, 0xFF],
    "conf_arrays.one": [1, -2, 3, -4],
    "conf_arrays.two": [[1, 2, 3], [-4, -5, -6]],
    "conf_arrays.three": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
    "conf_arrays.none": [],
    "conf_arrays.single": [11],
    "conf_global_array": [10, 20, 30, 40, 50],
}

#: Elements of flexible members: their arrays have no length of their own.
FLEXIBLE = {f"conf_flexible.items[{index}]": 100 * (index + 1) for index in range(3)}

POINTERS = {
    "conf_pointer": "&conf_target",
    "conf_pointer2": "&conf_pointer",
    "conf_pointer3": "&conf_pointer2",
    "conf_void": "&conf_target",
    "conf_callback": "&conf_function",
    "conf_arrays.pointers[0]": "&conf_target",
    "conf_arrays.pointers[1]": "0",
    "conf_text.null": "0",
    "conf_text.wild": "0xdead00000000dead",
    "conf_pointers.target": "&conf_target",
    "conf_pointers.deep": "&conf_pointer2",
    "conf_pointers.untyped": "&conf_target",
    "conf_pointers.inner": "&conf_inner_target",
    "conf_pointers.inner2": "&conf_inner_pointer",
    "conf_pointers.self": "&conf_pointers",
    "conf_pointers.opaque": "0x1000",
    "conf_pointers.call": "&conf_function",
    "conf_pointers.calls[0]": "&conf_function",
    "conf_pointers.calls[1]": "0",
    "conf_pointers.rows": "&conf_rows",
    "conf_pointers.qualified": "&conf_target",
    "conf_pointers.null": "0",
}

DEREFERENCED = {
    "*conf_pointer": -12345,
    "**conf_pointer2": -12345,
    "***conf_pointer3": -12345,
    "***conf_pointers.deep": -12345,
    "conf_pointers.inner->y": 22,
    "(*conf_pointers.inner2)->x": 21,
    "conf_pointers.self->self->inner->x": 21,
    "conf_pointers.rows[1][2]": 6,
}

#: Values of conf_node.value along a list, and how the walk ends (pykdump._accel.Walk.end).
LISTS = {
    "conf_list_empty": ([], "complete"),
    "conf_list_whole": ([1, 2, 3], "complete"),
    "conf_list_cyclic": ([1, 2, 3], "cycle"),
    "conf_list_cut": ([1, 2], "unreadable"),  # the node after them is LIST_POISON1
    "conf_list_null": ([], "unreadable"),  # never initialised
}
HLISTS = {
    "conf_hlist": ([1, 2, 3], "complete"),
    "conf_hlist_cyclic": ([1, 2, 3], "cycle"),
    "conf_hlist_empty": ([], "complete"),
}
