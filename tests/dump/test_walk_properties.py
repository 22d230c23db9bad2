# SPDX-License-Identifier: GPL-2.0-or-later
"""Random lists, hash tables and trees in the memory of a machine, walked back whole and damaged."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from writer.elf import write_elf
from writer.machine import PAGE
from writer.mini import Mini, mini_machine

from accel import _accel, open_dump

SLOT, SLOTS = 64, 1024  # room for nodes, all of one size
ARENA = SLOT * SLOTS
RAM = ((0, 0xA0000), (0x100000, 0x4000000))
HEAD = 0  # the first slot is the head, or the root
RB = {"parent": 0, "right": 8, "left": 16}
ENDS = ("complete", "limit", "cycle", "unreadable", "damaged")
LIMIT = 5000
XA = {"shift": 0, "slot": 1, "parent": 8, "slots": 16, "slot_count": 4, "node_tag": 2}
XA_BITS = 2

examples = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
slots = st.permutations(range(1, SLOTS)).flatmap(
    lambda order: st.integers(0, 120).map(lambda count: order[:count])
)


@dataclass
class Memory:
    """An arena in a machine that is dumped again for each example."""

    mini: Mini
    arena: int  #: physical address
    path: Path
    data: bytearray = field(default_factory=lambda: bytearray(ARENA))

    def start(self) -> None:
        self.data = bytearray(ARENA)
        self.mini.machine.excluded.clear()

    def addr(self, slot: int) -> int:
        return self.mini.kernel.direct_map + self.arena + slot * SLOT

    def put(self, slot: int, offset: int, value: int) -> None:
        struct.pack_into("<Q", self.data, slot * SLOT + offset, value & (1 << 64) - 1)

    def dump(self) -> Any:
        self.mini.machine.write(self.arena, self.data)
        return open_dump(write_elf(self.mini.machine, self.path))


@pytest.fixture(scope="module")
def memory(mini_elf: Path, tmp_path_factory: pytest.TempPathFactory) -> Memory:
    mini = mini_machine(mini_elf, tasks=2, cpus=1, user_process=False, ram=RAM)
    arena = mini.machine.alloc(ARENA)
    return Memory(mini, arena, tmp_path_factory.mktemp("arena") / "vmcore")


# --- what is planted; each gives the walk and what it must find


def plant_list(memory: Memory, order: Sequence[int]) -> tuple[Callable[[Any], Any], Any]:
    ring = [HEAD, *order, HEAD]
    for here, after in zip(ring, ring[1:]):
        memory.put(here, 0, memory.addr(after))
    return lambda dump: _accel.walk_list(dump, memory.addr(HEAD), limit=LIMIT), order


def plant_chain(memory: Memory, order: Sequence[int]) -> tuple[Callable[[Any], Any], Any]:
    for here, after in zip([HEAD, *order], order):
        memory.put(here, 8 * (here != HEAD), memory.addr(after))
    walk = lambda dump: _accel.walk_chain(  # noqa: E731
        dump, memory.addr(HEAD), next_offset=8, limit=LIMIT
    )
    return walk, order


def plant_table(memory: Memory, order: Sequence[int]) -> tuple[Callable[[Any], Any], Any]:
    """Eight buckets in the first slot; the nodes fall into them by number."""
    chains = [[slot for slot in order if slot % 8 == bucket] for bucket in range(8)]
    for bucket, chain in enumerate(chains):
        places = [(HEAD, 8 * bucket), *((slot, 0) for slot in chain)]
        for (slot, offset), after in zip(places, chain):
            memory.put(slot, offset, memory.addr(after))
    walk = lambda dump: _accel.walk_hash_table(  # noqa: E731
        dump, memory.addr(HEAD), 8, limit=LIMIT
    )
    return walk, [slot for chain in chains for slot in chain]


def plant_rbtree(memory: Memory, order: Sequence[int]) -> tuple[Callable[[Any], Any], Any]:
    """Inserted in this order, sorted by slot, never balanced."""
    children: dict[int, dict[str, int]] = {}
    for slot in order:
        at, side, parent = (order[0], "", 0) if children else (0, "", 0)
        while at:
            side, parent = "left" if slot < at else "right", at
            at = children[at].get(side, 0)
        children[slot] = {}
        if parent:
            children[parent][side] = slot
            memory.put(parent, RB[side], memory.addr(slot))
        memory.put(slot, RB["parent"], (memory.addr(parent) if parent else 0) | slot & 1)
    memory.put(HEAD, 0, memory.addr(order[0]) if order else 0)
    return lambda dump: _accel.walk_rbtree(dump, memory.addr(HEAD), **RB, limit=LIMIT), sorted(
        order
    )


def plant_xarray(memory: Memory, order: Sequence[int]) -> tuple[Callable[[Any], Any], Any]:
    """As many entries as there are slots in `order`, by index; nodes lie in the slots."""
    chance, free = random.Random(len(order)), list(order)
    entries = {chance.getrandbits(chance.choice((4, 10, 40))): 8 * i for i, _ in enumerate(order)}
    depth = max((index.bit_length() + XA_BITS - 1) // XA_BITS for index in [1, *entries])
    nodes: dict[tuple[int, int], int] = {}
    kept = {}
    for index, number in entries.items():
        missing = [d for d in range(depth) if (d, index >> XA_BITS * (depth - d)) not in nodes]
        if len(missing) > len(free):
            continue
        for d in missing:
            place = index >> XA_BITS * (depth - d)
            nodes[d, place] = slot = free.pop()
            shift, in_slot = XA_BITS * (depth - d - 1), place & 3
            memory.put(slot, 0, shift | in_slot << 8)
            above = nodes[d - 1, place >> XA_BITS] if d else HEAD
            memory.put(slot, 8, memory.addr(above) if d else 0)
            memory.put(above, 16 + 8 * in_slot if d else 0, memory.addr(slot) + 2)
        leaf = nodes[depth - 1, index >> XA_BITS]
        kept[index] = memory.addr(0) + number
        memory.put(leaf, 16 + 8 * (index & 3), kept[index])
    expected = [(index, index, entry) for index, entry in sorted(kept.items())]
    return lambda dump: _accel.walk_xarray(dump, memory.addr(HEAD), **XA, limit=LIMIT), expected


PLANTERS = (plant_list, plant_chain, plant_table, plant_rbtree, plant_xarray)


def found_in(memory: Memory, walk: Any) -> list[Any]:
    if hasattr(walk, "entries"):
        return list(walk.entries)
    return [(node - memory.addr(0)) // SLOT for node in walk.nodes]


@pytest.mark.parametrize("plant", PLANTERS)
@examples
@given(order=slots)
def test_what_was_planted_comes_back(plant: Any, memory: Memory, order: list[int]) -> None:
    memory.start()
    walk, expected = plant(memory, order)
    found = walk(memory.dump())
    assert (found.end, found_in(memory, found)) == ("complete", list(expected))


@st.composite
def damage(draw: Any) -> list[tuple[int, int, int]]:
    """Some words of the arena with other values; a value of -1 takes the whole page away."""
    wild = st.sampled_from((-1, 0, 1, 2, 0x1000, 1 << 60, (1 << 64) - 1, 0xDEAD000000000100))
    slot = st.integers(0, SLOTS - 1)
    value = st.one_of(wild, slot.map(lambda number: -2 - number), st.integers(0, (1 << 64) - 1))
    return draw(st.lists(st.tuples(slot, st.integers(0, 7), value), min_size=1, max_size=12))


@pytest.mark.parametrize("plant", PLANTERS)
@examples
@given(order=slots, hits=damage())
def test_damage_ends_the_walk_with_its_reason(
    plant: Any, memory: Memory, order: list[int], hits: list[tuple[int, int, int]]
) -> None:
    memory.start()
    walk, expected = plant(memory, order)
    used = [HEAD, *order]
    for number, word, value in hits:
        slot = used[number % len(used)]
        if value == -1:
            memory.mini.machine.exclude((memory.arena + slot * SLOT) // PAGE * PAGE)
        else:
            memory.put(slot, 8 * word, memory.addr(-2 - value) if value < -1 else value)
    dump = memory.dump()
    found = walk(dump)
    told = found_in(memory, found)
    assert found.end in ENDS and len(told) <= LIMIT
    if plant in (plant_list, plant_chain):
        head = memory.addr(HEAD)
        rules = (0, head) if plant is plant_list else (8, 0)
        assert (found.end, found.nodes) == followed(dump, head, *rules)
    elif plant is not plant_table:  # whose chains may lead into each other
        assert len(set(told)) == len(told)
    if found.end != "complete" and plant is not plant_list:  # which a NULL may end
        assert found.stopped_at


def followed(dump: Any, head: int, next_at: int, end: int) -> tuple[str, list[int]]:
    """A chain, followed step by step: how it ends, and its nodes."""
    nodes: dict[int, None] = {}
    node = word_at(dump, head)
    while node and node != end:
        if node in nodes:
            return "cycle", list(nodes)
        following = word_at(dump, node + next_at) if node >> 63 and not node % 8 else None
        if following is None:
            return "unreadable", list(nodes)
        nodes[node] = None
        node = following
    return ("complete" if node == end else "unreadable"), list(nodes)


def word_at(dump: Any, addr: int) -> int | None:
    try:
        return int.from_bytes(dump.read(addr & (1 << 64) - 1, 8), "little")
    except _accel.ReadError:
        return None
