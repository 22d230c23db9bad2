# SPDX-License-Identifier: GPL-2.0-or-later
"""What every C declaration reads as, on the values that mini_conformance.c planted."""

from __future__ import annotations

import re
from typing import Any

import conformance
import pytest
from api_run import Answers, evaluate
from mini_dump import MiniDump

#: Expression in C: the type of the Python value, where it is not plainly an int.
KINDS = {
    "conf_ints.yes": "bool",
    "conf_ints.no": "bool",
    "conf_bits.flag": "bool",
    "conf_bits.other": "bool",
    "conf_nested.named_union.as_pointer": "tPtr",
    "conf_anonymous_enum": "int",
}

INTEGERS = {
    **conformance.INTEGERS,
    **conformance.WIDE,
    **conformance.BITFIELDS,
    **conformance.NESTED,
    **conformance.FLEXIBLE,
}

#: The rows of the table of values that a plain number does not describe: expression, and the value
#: as api_run encodes it. "@x" stands for the address of a symbol.
ROWS: dict[str, Any] = {
    'readSymbol("conf_enums").colour': ["tEnum", 6, "CONF_BLUE"],
    'readSymbol("conf_enums").unnamed_value': ["tEnum", 42, "<enum conf_colour, bad value 42>"],
    'readSymbol("conf_enums").sign': ["tEnum", -3, "CONF_MINUS"],
    'readSymbol("conf_enums").small': ["tEnum", 5, "CONF_GREEN"],
    '"%d %s" % ((readSymbol("conf_enums").colour,) * 2)': ["str", "6 CONF_BLUE"],
    '"{} {:d} {:>10s}".format(*(readSymbol("conf_enums").colour,) * 3)': [
        "str",
        "CONF_BLUE 6  CONF_BLUE",
    ],
    'readSymbol("conf_enums").colour.einfo["CONF_GREEN"]': ["int", 5],
    "(lambda e: (repr(e), e == 6, e > 5, e in (6,)))(readSymbol('conf_enums').colour)": [
        "tuple",
        [["str", "CONF_BLUE"], ["bool", True], ["bool", True], ["bool", True]],
    ],
    'readSymbol("conf_enums").colour + 1': ["int", 7],
    # one struct in an array of one, structs in lists
    'readSymbol("conf_nested").inner': ["StructResult", "struct conf_inner", "@conf_nested+16"],
    'readSymbol("conf_nested").inners[1].y': ["int", 8],
    'len(readSymbol("conf_nested").inners)': ["int", 2],
    '[s.x for s in readSymbol("conf_arrays").structs]': ["list", [["int", x] for x in (1, 3, 5)]],
    'readSymbol("conf_arrays").single': ["list", [["int", 11]]],
    'readSymbol("conf_arrays").none': ["intDimensionlessArray", "@conf_arrays+88"],
    'readSymbol("conf_flexible").items': ["intDimensionlessArray", "@conf_flexible+4"],
    'readSymbol("conf_flexible_zero").items': ["intDimensionlessArray", "@conf_flexible_zero+4"],
    # pointers
    'readSymbol("conf_pointer")': ["tPtr", "@conf_target", 1],
    'readSymbol("conf_pointer").Deref': ["int", -12345],
    'readSymbol("conf_pointer").getDeref()': ["int", -12345],
    'readSymbol("conf_pointer")[0]': ["int", -12345],
    "(lambda p: (p.ti.typestr(), p.ptype is p.ti, p.ptrlev))(readSymbol('conf_pointer2'))": [
        "tuple",
        [["str", "int **"], ["bool", True], ["int", 2]],
    ],
    "(lambda p: (int(p), p == 0, bool(p), '%x' % p == hex(p)[2:]))(readSymbol('conf_pointer'))": [
        "tuple",
        [["int", "@conf_target"], ["bool", False], ["bool", True], ["bool", True]],
    ],
    "(lambda p: str(p) == repr(p) == '{}'.format(p) == \"<tPtr addr=0x%x ctype='int **'>\" % p)"
    "(readSymbol('conf_pointer2'))": ["bool", True],
    'readSymbol("conf_pointer2")[0]': ["tPtr", "@conf_target", 1],
    'readSymbol("conf_pointer") + 4': ["int", "@conf_target+4"],
    'readSymbol("conf_pointer2")': ["tPtr", "@conf_pointer", 2],
    'readSymbol("conf_pointer2").Deref': ["tPtr", "@conf_target", 1],
    'readSymbol("conf_pointer3").Deref.Deref.Deref': ["int", -12345],
    'Deref(readSymbol("conf_pointer"))': ["int", -12345],
    'readSymbol("conf_void")': ["tPtr", "@conf_target", 1],
    'readSymbol("conf_callback")': ["int", "@conf_function"],
    'readSymbol("conf_pointers").target': ["tPtr", "@conf_target", 1],
    'readSymbol("conf_pointers").deep.Deref.Deref.Deref': ["int", -12345],
    'readSymbol("conf_pointers").inner': [
        "StructResult",
        "struct conf_inner",
        "@conf_inner_target",
    ],
    'readSymbol("conf_pointers").inner.y': ["int", 22],
    'readSymbol("conf_pointers").inner2': ["tPtr", "@conf_inner_pointer", 2],
    'readSymbol("conf_pointers").inner2[0].x': ["int", 21],
    'readSymbol("conf_pointers").inner2.Deref.Deref.x': ["int", 21],
    'readSymbol("conf_pointers").self.self.inner.x': ["int", 21],
    'readSymbol("conf_pointers").opaque': ["StructResult", "struct conf_opaque", 0x1000],
    'readSymbol("conf_pointers").call': ["int", "@conf_function"],
    'readSymbol("conf_pointers").calls[0]': ["int", "@conf_function"],
    'readSymbol("conf_pointers").calls[1]': ["int", 0],
    'readSymbol("conf_pointers").rows[1]': ["list", [["int", n] for n in (4, 5, 6)]],
    'readSymbol("conf_pointers").qualified.Deref': ["int", -12345],
    'bool(readSymbol("conf_pointers").null)': ["bool", False],
    'str(readSymbol("conf_pointers").inner2)[-28:]': [
        "str",
        " ctype='struct conf_inner **'>"[-28:],
    ],
    # arrays of pointers
    'readSymbol("conf_arrays").pointers': [
        "PointerArray",
        [["tPtr", "@conf_target", 1], ["tPtr", 0, 1], ["tPtr", "@conf_target", 1]],
    ],
    'readSymbol("conf_arrays").pointers[2].Deref': ["int", -12345],
    'readSymbol("conf_arrays").pointers[1:]': [
        "list",
        [["tPtr", 0, 1], ["tPtr", "@conf_target", 1]],
    ],
    'len(readSymbol("conf_arrays").pointers)': ["int", 3],
    'readSymbol("conf_text").words[2]': ["NoneType", None],
    'list(map(str, readSymbol("conf_text").words))': [
        "list",
        [["str", "one"], ["str", "two"], ["str", "None"]],
    ],
    # text
    'readSymbol("conf_text").array': [
        "SmartString",
        "sixteen or less",
        b"sixteen or less\0".hex(),
    ],
    'readSymbol("conf_text").full': ["SmartString", "full", b"full".hex()],
    'readSymbol("conf_text").null': ["NoneType", None],
    'Addr(readSymbol("conf_text").array)': ["int", "@conf_text"],
    'readSymbol("conf_text").array.ptr': ["NoneType", None],
    'int(readSymbol("conf_text").pointer)': ["int", "@conf_text+40"],
    'readSymbol("conf_text").pointer.ByteArray[:11]': ["bytes", repr(b"pointed at\0")],
    'len(readSymbol("conf_text").pointer.ByteArray)': ["int", 256],
    'readSymbol("conf_text").empty[1]': ["str", "\0"],
    'readSymbol("conf_text").array[8:10]': ["str", "or"],
    'str(SmartString(b"ab\\0cd", 5))': ["str", "ab"],
    'SmartString(b"ab\\0cd", 5)[3:]': ["str", "cd"],
    "(lambda c: (c, c.addr, c.ByteArray.hex()))(__import__('copy').deepcopy("
    "readSymbol('conf_text').array))": [
        "tuple",
        [
            ["SmartString", "sixteen or less", b"sixteen or less\0".hex()],
            ["int", "@conf_text"],
            ["str", b"sixteen or less\0".hex()],
        ],
    ],
    "(lambda s: (s == 'full', s.upper(), s + '!', '%s|%6s' % (s, s), len(s), {s: 1}['full']))"
    "(readSymbol('conf_text').full)": [
        "tuple",
        [["bool", True], ["str", "FULL"], ["str", "full!"], ["str", "full|  full"]]
        + [["int", 4], ["int", 1]],
    ],
    'SmartString(readSymbol("conf_more").bytes).ByteArray[:2].hex()': ["str", "fe07"],
    "type('Mine', (SmartString,), {})(b'ab').ByteArray.hex()": ["str", "6162"],
    # members with the names of what objects of the API have
    "[getattr(readSymbol('conf_names'), n) for n in getStructInfo('struct conf_names')]": [
        "list",
        [["int", n] for n in range(1, 11)],
    ],
    "(lambda o: (o.hasField('ctype'), o.hasField('x'), o.fieldOffset('real'), len(o), (o + 1)[-1]"
    " == o, o.Eval('_paths'), o['_info'].offset))(readSymbol('conf_names'))": [
        "tuple",
        [
            ["bool", True],
            ["bool", False],
            *([k, n] for k, n in zip(["int", "int", "bool", "int", "int"], [8, 40, True, 8, 24])),
        ],
    ],
    # all the other declarations
    'readSymbol("conf_more").flags': ["list", [["bool", n] for n in (True, False, True)]],
    'readSymbol("conf_more").colours': ["list", [["int", n] for n in (6, 0, 42)]],
    'readSymbol("conf_more").signed_chars': ["list", [["int", -1], ["int", 65]]],
    'readSymbol("conf_more").typedefs_of_char': ["list", [["int", 120], ["int", 121]]],
    'readSymbol("conf_more").single': ["float", 1.5],
    'readSymbol("conf_more").twice': ["float", -0.25],
    'readSymbol("conf_more").one': [
        "StructResult",
        "struct conf_inner",
        "@conf_more+32",
    ],
    'readSymbol("conf_more").one.y': ["int", 32],
    'readSymbol("conf_more").one[0].x': ["int", 31],
    '[[s.y for s in row] for row in readSymbol("conf_more").grid]': [
        "list",
        [["list", [["int", 2], ["int", 4]]], ["list", [["int", 6], ["int", 8]]]],
    ],
    '(lambda p: (type(p).__name__, p.ptrlev, p.Deref, p[1]))(readSymbol("conf_more").bytes)': [
        "tuple",
        [["str", "tPtr"], ["int", 1], ["int", 0xFE], ["int", 7]],
    ],
    'readSymbol("conf_more").wide[0]': ["int", 0xFEDCBA9876543210],
    '[[int(p) and p.Deref for p in row] for row in readSymbol("conf_more").table]': [
        "list",
        [["list", [["int", -12345], ["int", 0]]], ["list", [["int", 0], ["int", -12345]]]],
    ],
    'readSymbol("conf_more").none_known[0].Deref': ["int", -12345],
    'str(readSymbol("conf_more").words[0])': ["str", "only"],
    'readSymbol("conf_more").untyped': [
        "PointerArray",
        [["tPtr", "@conf_target", 1], ["tPtr", 0, 1]],
    ],
    '[(int(s), s and s.x) for s in readSymbol("conf_more").inners][0][1]': ["int", 21],
    'bool(list(readSymbol("conf_more").inners)[1])': ["bool", False],
    'readSymbol("conf_more").both.word': ["int", 0xAABBCCDD],
    'readSymbol("conf_more").to_both.byte': ["int", 0x44],
    'type(readSymbol("conf_more").no_text).__name__': ["str", "intDimensionlessArray"],
    'readSymbol("conf_more").no_structs.isNamed("struct conf_inner")': ["bool", True],
    # variables
    'readSymbol("conf_typedef")': ["StructResult", "conf_typedef2_t", "@conf_typedef"],
    'readSymbol("conf_global_array")': ["list", [["int", n] for n in (10, 20, 30, 40, 50)]],
}

RAISES = {
    'readSymbol("conf_void").Deref': "TypeError",
    'readSymbol("conf_pointers").null.Deref': "TypeError",
    'readSymbol("conf_arrays").pointers[1].Deref': "IndexError",
    'readSymbol("conf_arrays").pointers[1][0]': "IndexError",
    'readSymbol("conf_pointers").opaque.anything': "KeyError",
    'readSymbol("conf_text").wild': "CrashError",
    'readSymbol("conf_function")': "TypeError",
    'readSymbol("conf_more").four': "TypeError",
    'iter(readSymbol("conf_more").none_known)': "TypeError",
    'iter(readSymbol("conf_pointer"))': "TypeError",
    'iter(readSymbol("conf_flexible").items)': "TypeError",
    'iter(readSymbol("conf_nested"))': "TypeError",
    "SmartString(5)": "TypeError",
    'SmartString(readSymbol("conf_pointer2"))': "TypeError",
    "SmartString('text')": "TypeError",
    "int(readSymbol('conf_text').array)": "TypeError",
    "Deref(5)": "TypeError",
    **{
        f"{name}(5)": "TypeError"
        for name in ("sym2addr", "readSymbol", "symbol_exists", "struct_size", "getSizeOf")
    },
    'readmem(sym2addr("conf_text"), "a")': "TypeError",
    "Addr(5)": "TypeError",
    'Addr(readSymbol("conf_pointer"))': "TypeError",
}


def in_python(expression: str) -> str:
    """The API's spelling of an expression in C."""
    stars, name = re.fullmatch(r"(\**)(.*)", expression.replace("->", ".")).groups()  # type: ignore
    text = re.sub(r"^(\w+)", r'readSymbol("\1")', name)
    return text + ".Deref" * len(stars)


SYMBOLS = sorted({row for row in re.findall(r"@(\w+)", repr(ROWS))})


@pytest.fixture(scope="module")
def answers(panicked: MiniDump, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    expressions = [in_python(name) for name in (*INTEGERS, *conformance.TEXTS, *conformance.ARRAYS)]
    expressions += [*ROWS, *RAISES, *(f'symbol_address("{name}")' for name in SYMBOLS)]
    directory = tmp_path_factory.mktemp("values")
    return evaluate(panicked.vmlinux, [panicked.vmcore], expressions, directory)


@pytest.mark.parametrize("name", INTEGERS)
def test_number_is_the_planted_one(name: str, answers: Answers) -> None:
    kind, value = answers.value(in_python(name))[:2]
    assert value == INTEGERS[name] & (2**64 - 1) if kind == "tPtr" else INTEGERS[name] == value
    assert kind == KINDS.get(name, "int")


@pytest.mark.parametrize("name", conformance.TEXTS)
def test_text_is_the_planted_one(name: str, answers: Answers) -> None:
    kind, text, raw = answers.value(in_python(name))
    planted = conformance.TEXTS[name]
    assert kind == "SmartString"
    assert text == planted.decode("ascii", "backslashreplace")
    assert bytes.fromhex(raw).split(b"\0")[0] == planted


@pytest.mark.parametrize("name", sorted(set(conformance.ARRAYS) - {"conf_arrays.none"}))
def test_array_is_a_list_of_the_planted_numbers(name: str, answers: Answers) -> None:
    assert answers.value(in_python(name))[0] == "list"
    assert answers.plain(in_python(name)) == conformance.ARRAYS[name]


@pytest.mark.parametrize("expression", ROWS)
def test_value_is_what_the_table_says(expression: str, answers: Answers) -> None:
    def placed(value: Any) -> Any:
        if isinstance(value, list):
            return [placed(one) for one in value]
        if isinstance(value, str) and value.startswith("@"):
            name, _, offset = value[1:].partition("+")
            return answers.plain(f'symbol_address("{name}")') + int(offset or 0)
        return value

    assert answers.value(expression) == placed(ROWS[expression])


@pytest.mark.parametrize("expression", RAISES)
def test_exception_is_the_one_that_scripts_catch(expression: str, answers: Answers) -> None:
    assert RAISES[expression] in answers.raised(expression)[0]
