# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of measurements, and the table that they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """What one piece of work took here, what it may take, and what it took the peers."""

    work: str
    unit: str
    ours: float
    budget: float | None
    peers: dict[str, float] = field(default_factory=dict)
    growth: str = ""  #: how it compares with the same work on fewer things


def markdown(rows: Iterable[Row]) -> Iterator[str]:
    """The table, a line at a time."""
    yield "| work | ours | budget | peers | ratio to the best peer | growth |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        peers = ", ".join(f"{name} {_figure(value)}" for name, value in row.peers.items())
        budget = "" if row.budget is None else f"{_figure(row.budget)} {row.unit}"
        yield (
            f"| {row.work} | {_figure(row.ours)} {row.unit} | {budget} | {peers} | {_ratio(row)} "
            f"| {row.growth} |"
        )


def _ratio(row: Row) -> str:
    if not row.peers or row.ours == 0:
        return ""
    return f"{row.ours / min(row.peers.values()):.2f}"


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
