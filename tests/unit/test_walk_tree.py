# SPDX-License-Identifier: GPL-2.0-or-later
"""walk_tree: trees whose children a function gives, whole, damaged, cut and interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pykdump.walks import Tree, WalkInterrupted, so_far, walk_tree

Children = Callable[[Sequence[int]], list[Optional[list[int]]]]


def of(tree: dict[int, list[int]]) -> Children:
    return lambda level: [tree.get(node) for node in level]


def test_whole_tree_comes_level_by_level() -> None:
    tree = {1: [2, 3], 2: [4], 3: [], 4: []}
    assert walk_tree(1, of(tree)) == Tree([1, 2, 3, 4], [0, 1, 1, 2], [0, 1, 1, 2], "complete", 0)


def test_node_that_cannot_be_read_is_left_out_and_named() -> None:
    walk = walk_tree(1, of({1: [2, 3], 3: [4], 4: []}))
    assert (walk.nodes, walk.end, walk.stopped_at) == ([1, 3, 4], "unreadable", 2)
    assert walk_tree(7, of({})) == Tree([], [], [], "unreadable", 7)


def test_node_that_is_met_again_is_a_cycle_and_the_rest_is_walked() -> None:
    walk = walk_tree(1, of({1: [2, 3], 2: [1], 3: [3, 4], 4: []}))
    assert (walk.nodes, walk.end, walk.stopped_at) == ([1, 2, 3, 4], "cycle", 1)


@pytest.mark.parametrize("limit", range(1, 5))
def test_limit_ends_it_wherever_it_is_reached(limit: int) -> None:
    walk = walk_tree(1, of({1: [2, 3], 2: [4], 3: [], 4: []}), limit=limit)
    assert walk.nodes == [1, 2, 3, 4][:limit]
    assert walk.end == ("limit" if limit < 4 else "complete")


def test_node_with_children_without_end_costs_no_memory() -> None:
    walk = walk_tree(1, lambda level: [range(2, 1 << 60) for _ in level], limit=100)
    assert (len(walk.nodes), walk.end) == (100, "limit")


def test_deep_tree_needs_no_deep_stack() -> None:
    walk = walk_tree(0, lambda level: [[node + 1] if node < 50_000 else [] for node in level])
    assert (walk.end, walk.depths[-1]) == ("complete", 50_000)


def test_ctrl_c_keeps_what_was_found() -> None:
    def children(level: Sequence[int]) -> list[list[int]]:
        if level[0] == 3:
            raise KeyboardInterrupt
        return [[node + 1] for node in level]

    with pytest.raises(WalkInterrupted) as caught:
        walk_tree(1, children)
    walk = caught.value.walk
    assert isinstance(walk, Tree)
    assert (walk.nodes, walk.end, walk.stopped_at) == ([1, 2], "interrupted", 3)


def test_so_far_gives_what_an_interrupted_walk_found() -> None:
    cut, whole = Tree([1], [0], [0], "interrupted", 2), Tree([1], [0], [0], "complete", 0)

    def interrupted() -> Tree:
        raise WalkInterrupted(cut)

    assert so_far(interrupted) is cut
    assert so_far(lambda: whole) is whole


def test_function_must_answer_for_each_node() -> None:
    with pytest.raises(ValueError, match="answers for 0 of 1 nodes"):
        walk_tree(1, lambda level: [])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(st.integers(0, 30), st.lists(st.integers(0, 30), max_size=5)))
def test_random_graphs_end_with_each_node_once(graph: dict[int, list[int]]) -> None:
    reached, waiting = set(), [0]
    while waiting:
        node = waiting.pop()
        if node in graph and node not in reached:
            reached.add(node)
            waiting += graph[node]
    walk = walk_tree(0, of(graph))
    assert len(walk.nodes) == len(set(walk.nodes)) and set(walk.nodes) == reached
    links = sum(len(graph[node]) for node in reached)
    assert (walk.end == "complete") == (0 in graph and links == len(reached) - 1)
