# SPDX-License-Identifier: GPL-2.0-or-later
"""search, refs, slab and whatis with each of their options, beside what the guest planted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gdb_run import gdb

from harness import Vmcore

_found: dict[str, dict[str, Any]] = {}


def commands(vmcore: Vmcore) -> dict[str, str]:
    module = vmcore.facts["module"]
    magic, objects = module["memory"]["magic"], module["slab"]["allocated"]
    first = objects["0"]
    return {
        "number": f"search {magic:x} --limit 5000",
        "limited": f"search {magic:x} --limit 3",
        "half": f"search --size 4 {magic >> 32:x} --limit 20000",
        "masked": f"search --mask ffffffffffffff00 {magic & ~0xFF:x} --limit 20000",
        "range": f"search {magic - 1:x}-{magic + 1:x} --limit 5000",
        "text": "search -s 'object 7' --whatis --limit 5000",
        "bytes": f"search -b {b'object 7'.hex()} --limit 5000",
        "in slab": f"search --in=slab -w {magic:x} --limit 5000",
        "not in slab": f"search --in=-slab {magic:x} --limit 5000",
        "refs": f"refs {first:x}",
        "refs of object": f"refs -o {first + 5:x}",
        "refs of size": f"refs --size {module['slab']['size']} {first:x} --limit 1",
        "slab": "slab -o pykdump_object",
        "whatis": f"whatis no_such_symbol -1 {first:x} {1 << 64:x} init_task",
    }


@pytest.fixture
def found(vmcore: Vmcore) -> dict[str, Any]:
    """What the tools tell as JSON; GDB runs once for all tests."""
    if vmcore.name not in _found:
        files = " ".join(map(str, next(iter(vmcore.forms.values()))))
        words = commands(vmcore)
        lines = [f"pykdump {line} --json" for line in words.values()]
        out = gdb(f"target kdump {files}", *lines, args=[vmcore.vmlinux]).out
        decoder, at, records = json.JSONDecoder(), 0, []
        for _ in words:
            record, at = decoder.raw_decode(out, out.index("{\n", at))
            records.append(record)
        _found[vmcore.name] = dict(zip(words, records))
    return _found[vmcore.name]


def addrs(result: Any) -> set[int]:
    return {int(hit["addr"], 16) for hit in result["hits"]}


def test_numbers_are_found_in_whole_in_half_by_mask_and_in_a_range(
    vmcore: Vmcore, found: dict[str, Any]
) -> None:
    module = vmcore.facts["module"]
    planted = {module["memory"]["magic_at"], *module["slab"]["allocated"].values()}
    assert found["number"]["is_complete"] and addrs(found["number"]) >= planted
    assert addrs(found["half"]) >= {addr + 4 for addr in planted}
    assert addrs(found["masked"]) >= addrs(found["range"]) >= addrs(found["number"])
    limited = found["limited"]
    assert (len(limited["hits"]), limited["count"], limited["are_more"]) == (3, 3, True)
    assert not limited["is_complete"] and limited["warnings"] == []


def test_text_and_its_bytes_are_found_at_the_same_places(
    vmcore: Vmcore, found: dict[str, Any]
) -> None:
    assert addrs(found["text"]) == addrs(found["bytes"])
    planted = {
        addr + 12  # struct pykdump_object.text
        for number, addr in vmcore.facts["module"]["slab"]["allocated"].items()
        if number.startswith("7")
    }
    in_slabs = {int(hit["addr"], 16) for hit in found["text"]["hits"] if hit["kind"] == "slab"}
    assert planted and planted <= in_slabs


def test_classes_of_pages_are_searched_alone_or_left_out(
    vmcore: Vmcore, found: dict[str, Any]
) -> None:
    assert {hit["kind"] for hit in found["in slab"]["hits"]} == {"slab"}
    assert addrs(found["in slab"]) | addrs(found["not in slab"]) == addrs(found["number"])
    assert not addrs(found["in slab"]) & addrs(found["not in slab"])
    assert vmcore.facts["module"]["memory"]["magic_at"] in addrs(found["not in slab"])


def test_pointers_into_an_object_are_found_from_any_place_in_it(found: dict[str, Any]) -> None:
    at = [hit for hit in found["refs"]["hits"] if "pykdump_objects [" in hit["text"]]
    assert at and addrs(found["refs"]) <= addrs(found["refs of object"])
    assert len(found["refs of size"]["hits"]) == 1


def test_objects_of_a_cache_are_listed(vmcore: Vmcore, found: dict[str, Any]) -> None:
    slab = vmcore.facts["module"]["slab"]
    told = {int(addr, 16) for addr in found["slab"]["allocated_addrs"]}
    assert told == set(slab["allocated"].values())
    assert set(slab["freed"]) <= {int(addr, 16) for addr in found["slab"]["free_addrs"]}


def test_a_word_that_is_no_address_costs_a_warning_and_no_answer(
    vmcore: Vmcore, found: dict[str, Any]
) -> None:
    result = found["whatis"]
    first = vmcore.facts["module"]["slab"]["allocated"]["0"]
    assert [place["kind"] for place in result["places"]] == ["slab", "kernel"]
    assert int(result["places"][0]["addr"], 16) == first
    told = "\n".join(result["warnings"])
    assert "no_such_symbol is no address" in told and "more than 64 bits" in told
    assert "-1 is no address: it is negative" in told


def test_one_word_that_is_no_address_is_an_error(vmcore: Vmcore) -> None:
    files = " ".join(map(str, next(iter(vmcore.forms.values()))))
    run = gdb(f"target kdump {files}", "pykdump whatis no_such_symbol", args=[vmcore.vmlinux])
    assert "no_such_symbol is no address and no symbol" in run.err


def test_refs_to_more_than_memory_holds_is_an_error(vmcore: Vmcore) -> None:
    files = " ".join(map(str, next(iter(vmcore.forms.values()))))
    command = f"pykdump refs --size {1 << 70} init_task"
    run = gdb(f"target kdump {files}", command, args=[vmcore.vmlinux])
    assert f"--size {1 << 70}: no memory lies so far behind 0x" in run.err
