# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory in bulk: per-CPU sums, arrays of struct pages, slabs, search; done by the accelerator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from pykdump import compat, lowlevel
from pykdump.errors import Interrupted

try:
    from pykdump import _accel
except ImportError:  # plain pytest: models can be imported
    pass

if TYPE_CHECKING:
    from pykdump._accel import Progress
    from pykdump.layout import Addresses

#: First page frame and the one behind the last.
PfnRange = tuple[int, int]


def _no_progress() -> Optional[Progress]:
    return None


#: Gives what shows how far a search is; whoever has a terminal puts his own here.
new_progress: Callable[[], Optional[Progress]] = _no_progress


def ram_ranges() -> list[PfnRange]:
    """The page frames with RAM, in ascending order."""
    return lowlevel.dump().ram_ranges()


def sum_per_cpu(
    pointers: Addresses, offsets: Sequence[int], *, size: int, is_signed: bool
) -> list[tuple[int, int]]:
    """Sums of per-CPU integers, and on how many CPUs each could be read.

    :param pointers: ``__percpu`` pointers; NULL ones have the sum 0 of no CPU.
    :param offsets: of the CPUs, as in ``__per_cpu_offset``.
    """
    return _accel.sum_per_cpu(lowlevel.dump(), pointers, offsets, size=size, is_signed=is_signed)


@dataclass(frozen=True)
class Test:
    """A member, some bits of which have a certain value."""

    member: str
    mask: int
    value: int


def select_structs(
    struct: str, base: int, count: int, tests: Sequence[Test]
) -> tuple[memoryview, int]:
    """Addresses of an array's structs that pass all tests, and how many could not be read."""
    fields = [lowlevel.member(struct, compat.spelling(struct, test.member)) for test in tests]
    rules = [
        (field.offset, field.size, test.mask, test.value) for field, test in zip(fields, tests)
    ]
    stride = lowlevel.sizeof(struct)
    found, lost, interrupted = _accel.select_structs(lowlevel.dump(), base, stride, count, rules)
    if interrupted:
        raise Interrupted(f"interrupted while looking through {count} {struct}s")
    return found, lost


def count_values(
    struct: str, base: int, count: int, member: str, mask: int = 0xFFFF_FFFF_FFFF_FFFF
) -> tuple[dict[int, int], int]:
    """How many of an array's structs have each value of a member, and how many are unreadable."""
    field = lowlevel.member(struct, compat.spelling(struct, member))
    counts, lost, interrupted = _accel.count_values(
        lowlevel.dump(),
        base,
        lowlevel.sizeof(struct),
        count,
        offset=field.offset,
        size=field.size,
        mask=mask,
    )
    if interrupted:
        raise Interrupted(f"interrupted while looking through {count} {struct}s")
    return counts, lost


class Cells(NamedTuple):
    """A column of a table: an array of numbers, and how they are shown."""

    values: Any  #: with the buffer protocol
    kind: str = "x"  #: "d" in decimal, "s" by name
    width: int = 0  #: to which blanks fill them up
    names: Mapping[int, str] = {}


def format_rows(columns: Sequence[Cells]) -> str:
    """The lines of a table, for very many rows: as many as the shortest column has."""
    return _accel.format_rows(columns)


class SlabShape(NamedTuple):
    """How the objects of a slab cache lie, and how a free one leads to the next."""

    size: int  #: from one object to the next
    first: int  #: offset of the first object in a slab
    next: int  #: offset of the pointer to the next free object
    secret: int = 0
    mixes_address: bool = False  #: the pointer is XORed with the secret and its own address
    mixes_swapped: bool = False  #: of which the bytes are reversed
    most: int = 1 << 15  #: objects that a slab can have


class IndexedShape(NamedTuple):
    """The same for slabs that tell their free objects by number."""

    size: int
    offset: int  #: of what a user gets, in an object
    objects: int  #: in a slab
    index_size: int  #: bytes of a number


@dataclass(frozen=True)
class SlabObjects:
    """Objects of slabs; arrays of addresses."""

    allocated: memoryview
    free: memoryview
    #: Index of a slab, and where its list of free objects cannot be followed.
    broken: list[tuple[int, int]]


def slab_objects(
    bases: Sequence[int],
    objects: Sequence[int],
    freelists: Sequence[int],
    more_lists: Sequence[tuple[int, int]],
    kept: Sequence[int],
    shape: SlabShape,
) -> SlabObjects:
    """The objects of slabs, each slab's in the order of their addresses.

    :param bases: address of each slab's memory.
    :param objects: how many it has.
    :param freelists: its first free object, or 0.
    :param more_lists: index of a slab, and the first object of another list of free ones in it.
    :param kept: further free objects, of any slab.
    """
    dump, columns = lowlevel.dump(), (bases, objects, freelists)
    return _found(_accel.slab_objects(dump, *columns, more_lists, kept, **shape._asdict()))


def indexed_slab_objects(
    bases: Sequence[int],
    numbers: Sequence[int],
    active: Sequence[int],
    kept: Sequence[int],
    shape: IndexedShape,
) -> SlabObjects:
    """The same where slabs tell their free objects by number.

    :param bases: address of each slab's first object.
    :param numbers: array of the numbers of its objects.
    :param active: from which place in it on they are free.
    :param kept: further free objects, of any slab.
    """
    dump, columns = lowlevel.dump(), (bases, numbers, active)
    return _found(_accel.indexed_slab_objects(dump, *columns, kept, **shape._asdict()))


def _found(
    result: tuple[memoryview, memoryview, list[tuple[int, int]], bool],
) -> SlabObjects:
    allocated, free, broken, interrupted = result
    if interrupted:
        raise Interrupted(f"interrupted after {len(allocated) + len(free)} slab objects")
    return SlabObjects(allocated, free, broken)


@dataclass(frozen=True)
class Hits:
    """Physical addresses at which something was found."""

    addrs: memoryview
    pages: int  #: that were looked through
    is_cut: bool  #: there are more
    is_interrupted: bool


def find_numbers(
    low: int,
    high: int,
    *,
    size: int = 8,
    mask: int = 0xFFFF_FFFF_FFFF_FFFF,
    pages: Sequence[PfnRange] | None = None,
    limit: int = 1_000_000,
) -> Hits:
    """Where memory holds a number from ``low`` to ``high``, at multiples of its size.

    :param pages: only these, in ascending order.
    """
    dump, progress = lowlevel.dump(), new_progress()
    return Hits(
        *_accel.find_numbers(
            dump, low, high, size=size, mask=mask, pages=pages, limit=limit, progress=progress
        )
    )


def find_pattern(
    pattern: bytes, *, pages: Sequence[PfnRange] | None = None, limit: int = 1_000_000
) -> Hits:
    """Where memory holds these bytes; they may go on in the next page frame."""
    dump, progress = lowlevel.dump(), new_progress()
    return Hits(*_accel.find_pattern(dump, pattern, pages=pages, limit=limit, progress=progress))
