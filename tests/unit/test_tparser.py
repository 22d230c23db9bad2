# SPDX-License-Identifier: GPL-2.0-or-later
"""C text and tables as Python objects."""

from __future__ import annotations

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykdump.Generic import dbits2str
from pykdump.tparser import CDefine, CEnum, FieldDef, parser_header_tabs, parseSUDef

MODES = """
/* include/uapi/linux/stat.h,
   in part */
#define S_IFMT  00170000
#define S_IFSOCK 0140000   /* a comment */
# define S_IFLNK\t 0120000
#define S_ISUID  0004000 // another

#define MINUS -5
#define HEX 0xFFul
#define SAME S_ISUID
"""


def test_defines_are_octal_hex_negative_or_earlier_names() -> None:
    modes = CDefine(MODES)
    assert list(modes) == ["S_IFMT", "S_IFSOCK", "S_IFLNK", "S_ISUID", "MINUS", "HEX", "SAME"]
    assert modes.S_IFMT == modes["S_IFMT"] == stat.S_IFMT(0o177777)
    assert modes.S_IFSOCK == stat.S_IFSOCK and modes.S_IFLNK == stat.S_IFLNK
    assert (modes.MINUS, modes.HEX, modes.SAME) == (-5, 255, stat.S_ISUID)


def test_value2key_is_the_name_defined_last() -> None:
    modes = CDefine(MODES)
    assert modes.value2key(0o4000) == "SAME" and modes.value2key(1) is None


def test_the_first_thing_that_does_not_fit_ends_the_text() -> None:
    for rest in ("int x;", "#define F(x) x", "#define EMPTY", "#define Y nosuch", "#if 0"):
        assert CDefine(f"#define A 1\n{rest}\n#define B 2\n") == {"A": 1}
    assert CDefine("") == {}


def test_items_become_attributes_and_attributes_no_items() -> None:
    table = CDefine("#define A 1")
    table["X"] = 5
    assert (table.X, table.value2key(5)) == (5, "X")
    table.Y = 6
    assert table.Y == 6 and "Y" not in table and table.value2key(6) is None
    with pytest.raises(AttributeError):
        table.nosuch


def test_simple_expressions_are_evaluated() -> None:
    table = CDefine("#define A (1 << 4)\n#define B (A | 0x3)\n#define C ~0 & 0xFF\n#define D 7 / 2")
    assert dict(table) == {"A": 16, "B": 19, "C": 255, "D": 3}
    assert CDefine("#define A 1 << 999999999\n") == {}
    assert CDefine("#define A 1 / 0\n") == {}
    assert CDefine("#define A " + "(" * 5000 + "1\n") == {}


def test_flags_are_named_by_defines() -> None:
    assert dbits2str(0x11, CDefine("#define MS_RDONLY 1\n#define MS_SYNC 16"), 3) == "RDONLY|SYNC"


@given(st.dictionaries(st.from_regex(r"[A-Z]{2,8}", fullmatch=True), st.integers(0, 2**64 - 1)))
def test_any_values_come_back_in_all_spellings(values: dict[str, int]) -> None:
    for spelling in ("{}", "0x{:x}", "0X{:X}UL", "0{:o}", "({})"):
        text = "\n".join(f"#define {k} {spelling.format(v)}" for k, v in values.items())
        assert dict(CDefine(text)) == values


ENUM = """
#ifdef IGNORED
enum tcp_state { /* include/net/tcp_states.h */
    ESTABLISHED = 1, SYN_SENT,
    LISTEN = 0xA,  // ten
    CLOSING,
    LAST = CLOSING,
};
"""


def test_an_enum_counts_on_and_knows_its_names() -> None:
    states = CEnum(ENUM)
    assert (states.ESTABLISHED, states.SYN_SENT, states.LISTEN, states.CLOSING) == (1, 2, 10, 11)
    assert states[2] == "SYN_SENT" and states.lookup[11] == "CLOSING"
    assert states.getByName("LISTEN") == 10
    assert states.getAllNames() == ["CLOSING", "ESTABLISHED", "LAST", "LISTEN", "SYN_SENT"]
    assert len(states) == 5 and states.vals[0] == ("ESTABLISHED", 1)
    assert states.name2i["LAST"] == 11
    for ask in (lambda: states[99], lambda: states.getByName("NO")):
        with pytest.raises(KeyError):
            ask()
    with pytest.raises(AttributeError):
        states.NO


def test_an_enum_may_have_no_tag_or_a_name() -> None:
    assert CEnum("enum { A, B }").B == 1
    assert CEnum("enum {A = 3,} colours;").stype == "colours"
    for bad in ("struct x { int a; }", "enum { 1 }", "enum", ""):
        with pytest.raises(ValueError):
            CEnum(bad)


def test_a_struct_becomes_a_list_of_fields() -> None:
    found = parseSUDef(
        """
        struct slave {
            struct net_device *dev, **others;  /* first */
            const unsigned long last[2][3];
            u8 link:4, state : 2;
            char name[0x10];
            struct list_head list;
        };
        """
    )
    assert found.stype == "struct slave"
    assert found.fields == (
        FieldDef("struct net_device", "dev", 1, (), None),
        FieldDef("struct net_device", "others", 2, (), None),
        FieldDef("unsigned long", "last", 0, (2, 3), None),
        FieldDef("u8", "link", 0, (), 4),
        FieldDef("u8", "state", 0, (), 2),
        FieldDef("char", "name", 0, (16,), None),
        FieldDef("struct list_head", "list", 0, (), None),
    )
    for bad in ("int x;", "struct x { struct { int a; } b; };", "struct x { int (*f)(void); };"):
        with pytest.raises(ValueError):
            parseSUDef(bad)


def test_rows_are_dicts_by_the_words_of_the_header() -> None:
    text = "title\n\nName\tSize\t\tUse\n\nbig one\t10\t3\nsmall\t1\nmany\t1\t2\t3\t4\n"
    assert parser_header_tabs(text, skip=1) == [
        {"Name": "big one", "Size": "10", "Use": "3"},
        {"Name": "small", "Size": "1"},
        {"Name": "many", "Size": "1", "Use": "2", "__extra": ["3", "4"]},
    ]
    assert parser_header_tabs("A B\n 1   2 \n", anyws=True) == [{"A": "1", "B": "2"}]
    assert parser_header_tabs("") == []
