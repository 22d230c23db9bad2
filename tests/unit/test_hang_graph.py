# SPDX-License-Identifier: GPL-2.0-or-later
"""The wait-for graph on nodes made by hand: cycles, blockers, ways to them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from LinuxDump.hangs import drawing
from LinuxDump.hangs.graph import Cycle, Graph, Link, Node


def task(pid: int, age_s: int = 10, state: str = "D") -> Node:
    return Node(f"task {pid}", "task", pid, f'pid {pid} "t{pid}"', age_s * 10**9, pid, state)


def lock(name: str) -> Node:
    return Node(name, "mutex", 0x1000, f"mutex {name}")


def waits(pid: int, name: str) -> Link:
    return Link(f"task {pid}", name, "waits for")


def held(name: str, pid: int, inferred: bool = False) -> Link:
    return Link(name, f"task {pid}", "held by", inferred)


def abba() -> Graph:
    nodes = [task(1), task(2), lock("a"), lock("b")]
    return Graph(nodes, [waits(1, "b"), held("b", 2), waits(2, "a"), held("a", 1)])


def test_a_deadlock_is_a_cycle_told_from_a_task_on() -> None:
    assert abba().cycles() == [Cycle(("task 1", "b", "task 2", "a"), (), inferred=False)]


def test_a_chain_has_no_cycle() -> None:
    assert Graph([task(1), task(2), lock("a")], [waits(1, "a"), held("a", 2)]).cycles() == []


def test_a_task_that_waits_for_its_own_lock_is_a_cycle() -> None:
    graph = Graph([task(1), lock("a")], [waits(1, "a"), held("a", 1)])
    assert [cycle.keys for cycle in graph.cycles()] == [("task 1", "a")]


def test_of_a_tangle_the_shortest_cycle_is_told() -> None:
    nodes = [task(1), task(2), task(3), lock("a"), lock("b"), lock("c")]
    links = [
        *(waits(1, "a"), held("a", 2), waits(2, "b"), held("b", 3), waits(3, "c"), held("c", 1)),
        held("b", 1),
    ]
    (cycle,) = Graph(nodes, links).cycles()
    assert cycle.keys == ("task 1", "a", "task 2", "b")


def test_a_sure_cycle_is_told_before_a_shorter_guess() -> None:
    nodes = [task(1), task(2), task(3), lock("a"), lock("b"), lock("c")]
    links = [
        *(waits(1, "a"), held("a", 2), waits(2, "b"), held("b", 3), waits(3, "c"), held("c", 1)),
        held("a", 1, inferred=True),
    ]
    (cycle,) = Graph(nodes, links).cycles()
    assert not cycle.inferred and len(cycle.keys) == 6
    (guess,) = Graph(nodes, [waits(1, "a"), held("a", 1, inferred=True)]).cycles()
    assert guess.inferred


def test_who_waits_behind_a_deadlock_is_counted_with_it() -> None:
    nodes = [*abba().nodes.values(), task(3), task(4), lock("c")]
    links = [*abba().links, waits(3, "a"), waits(4, "c"), held("c", 3)]
    (cycle,) = Graph(nodes, links).cycles()
    assert set(cycle.keys) == {"task 1", "task 2", "a", "b"}
    assert set(cycle.behind) == {"task 3", "task 4"}


def test_it_is_no_deadlock_when_another_one_could_come() -> None:
    def either(key: str, pid: int) -> Link:
        return Link(key, f"task {pid}", "writer is", True, any_of=True)

    nodes = [task(1), task(2), task(3), lock("pipe"), lock("b")]
    links = [waits(1, "pipe"), either("pipe", 2), waits(2, "b"), held("b", 1)]
    (cycle,) = Graph(nodes, links).cycles()
    assert cycle.inferred
    assert Graph(nodes, [*links, either("pipe", 3)]).cycles() == []
    # both are stuck: then it is one
    stuck = Graph(nodes, [*links, either("pipe", 3), waits(3, "b")])
    assert len(stuck.cycles()) == 1


def test_the_blocker_with_most_tasks_comes_first_then_the_oldest() -> None:
    nodes = [task(1), task(2), task(3), task(4, 50), task(5, 20)]
    nodes += [task(10), task(11), task(12), lock("a"), lock("b"), lock("c")]
    links = [waits(1, "a"), waits(2, "a"), waits(3, "a"), held("a", 10)]
    links += [waits(5, "c"), held("c", 12), waits(4, "b"), held("b", 11)]
    roots = Graph(nodes, links).roots()
    assert [root.keys for root in roots] == [("task 10",), ("task 11",), ("task 12",)]
    assert [len(root.tasks) for root in roots] == [3, 1, 1]
    assert roots[1].longest_ns == 50 * 10**9


def test_the_trunk_is_the_way_that_all_go() -> None:
    disk = Node("disk", "disk", 0, "disk sdb")
    nodes = [task(1), task(2), task(3, 182), task(9, 181), lock("a"), disk]
    links = [waits(1, "a"), waits(2, "a"), waits(3, "a"), held("a", 9), waits(9, "disk")]
    (root,) = Graph(nodes, links).roots()
    assert root.trunk == ("a", "task 9", "disk")
    assert (len(root.tasks), root.longest_ns) == (4, 182 * 10**9)


def test_a_trunk_ends_where_a_cycle_is_behind_the_blocker() -> None:
    nodes = [task(1), task(2), lock("a"), lock("b"), lock("c"), task(3)]
    links = [waits(1, "b"), held("b", 2), waits(2, "a"), held("a", 1), waits(3, "c"), held("c", 1)]
    (root,) = Graph(nodes, links).roots()
    assert set(root.keys) == {"task 1", "task 2", "a", "b"}
    assert set(root.tasks) == {"task 1", "task 2", "task 3"}


def test_a_guess_in_the_trunk_marks_the_blocker() -> None:
    nodes = [task(1), task(2), lock("a")]
    (root,) = Graph(nodes, [waits(1, "a"), held("a", 2, inferred=True)]).roots()
    assert root.inferred


def test_links_to_nodes_that_are_not_there_are_left_out() -> None:
    graph = Graph([task(1)], [waits(1, "gone")])
    assert (graph.links, graph.roots(), graph.cycles()) == ([], [], [])


def test_a_hundred_thousand_tasks_in_one_chain_take_no_recursion() -> None:
    count = 100_000
    nodes = [task(pid) for pid in range(count)]
    links = [Link(f"task {pid}", f"task {pid + 1}", "behind") for pid in range(count - 1)]
    (root,) = Graph(nodes, links).roots()
    assert root.keys == (f"task {count - 1}",)
    assert len(root.tasks) == count - 1


def test_svg_is_well_formed_and_has_every_box() -> None:
    nodes = [task(1), task(2), Node("x", "mutex", 1, 'mutex <&> "x"')]
    graph = Graph(nodes, [waits(1, "x"), held("x", 2, inferred=True)])
    tree = ElementTree.fromstring("\n".join(drawing.svg(graph)))
    texts = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert {'pid 1 "t1"', 'pid 2 "t2"', 'mutex <&> "x"', "held by"} <= set(texts)
    arrows = [element for element in tree.iter() if element.get("marker-end")]
    dashed = [arrow for arrow in arrows if arrow.get("stroke-dasharray")]
    assert len(dashed) == 1


def test_boxes_of_a_deadlock_lie_side_by_side() -> None:
    boxes = drawing.boxes(abba())
    list(drawing.svg(abba()))
    drawing._place(boxes)
    assert sorted(box.layer for box in boxes) == [0, 1, 2, 3]
    places = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes]
    for one, (left, top, right, bottom) in enumerate(places):
        for x1, y1, x2, y2 in places[one + 1 :]:
            assert right <= x1 or x2 <= left or bottom <= y1 or y2 <= top


def test_many_that_wait_alike_are_one_box() -> None:
    nodes = [task(pid) for pid in range(1, 62)] + [task(99), lock("a")]
    graph = Graph(nodes, [*(waits(pid, "a") for pid in range(1, 62)), held("a", 99)])
    assert len(drawing.boxes(graph)) == 3
    assert any("61 threads" in line for line in drawing.dot(graph))


def test_dot_quotes_what_would_end_a_label() -> None:
    graph = Graph([task(1), Node("x", "mutex", 1, 'a "b" \\')], [waits(1, "x")])
    (line,) = [
        line for line in drawing.dot(graph) if "label" in line and "b" in line and "\\\\" in line
    ]
    assert '\\"b\\"' in line


def test_tree_shows_owner_then_waiters() -> None:
    graph = Graph(
        [task(1), task(2), task(3), lock("a")], [waits(1, "a"), waits(2, "a"), held("a", 3)]
    )
    (tree,) = drawing.owner_trees(graph)
    assert tree.splitlines() == ["3 t3 ┬─ 1 t1", "     └─ 2 t2"]
