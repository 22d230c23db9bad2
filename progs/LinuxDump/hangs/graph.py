# SPDX-License-Identifier: GPL-2.0-or-later
"""A wait-for graph: its cycles, and what everything else waits for in the end.

Links lead from a task to what it waits for, from that to who holds it, and so on. Pure data: any
task or object is a node with a key of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """A task, or something that is waited for."""

    key: str
    kind: str  #: "task", "mutex", "request", ...
    addr: int  #: struct task_struct * of a task; 0 of what is no struct
    text: str  #: for people
    age_ns: int | None = None  #: a task: since it ran; a request: since it was made
    pid: int | None = None  #: of a task
    state: str = ""  #: of a task


@dataclass(frozen=True)
class Link:
    """One node waits for another, or is held up by it."""

    source: str
    target: str
    how: str  #: for people: "waits for", "held by", ...
    inferred: bool = False
    evidence: str = ""  #: why that is said
    any_of: bool = False  #: any one of the targets of such links would do


@dataclass(frozen=True)
class Cycle:
    """Nodes each of which waits for the next, the last for the first: nothing can go on."""

    keys: tuple[str, ...]
    behind: tuple[str, ...]  #: keys of tasks that are stuck behind it
    inferred: bool  #: a link of it is


@dataclass(frozen=True)
class Root:
    """What holds tasks up, and is itself held up by nothing that is known."""

    keys: tuple[str, ...]  #: one node, or those of a cycle
    trunk: tuple[str, ...]  #: the way that all go, up to and with the root
    tasks: tuple[str, ...]  #: keys of those that are stuck, in the trunk too
    longest_ns: int | None
    inferred: bool  #: a link of the trunk is


class Graph:
    """Nodes and links between them."""

    def __init__(self, nodes: Iterable[Node], links: Iterable[Link]) -> None:
        self.nodes = {node.key: node for node in nodes}
        self.links: list[Link] = []
        self._out: dict[str, list[Link]] = {}
        self._in: dict[str, list[Link]] = {}
        seen = set()
        for link in links:
            ends = (link.source, link.target)
            if ends not in seen and all(end in self.nodes for end in ends):
                seen.add(ends)
                self.links.append(link)
                self._out.setdefault(link.source, []).append(link)
                self._in.setdefault(link.target, []).append(link)
        self._components = list(_components(self.nodes, self._out))

    def outgoing(self, key: str) -> Sequence[Link]:
        """What this node waits for."""
        return self._out.get(key, ())

    def incoming(self, key: str) -> Sequence[Link]:
        """Who waits for this node."""
        return self._in.get(key, ())

    def link(self, source: str, target: str) -> Link | None:
        """The link between two nodes."""
        return next((link for link in self.outgoing(source) if link.target == target), None)

    def cycles(self) -> list[Cycle]:
        """Deadlocks: the sure ones first, then by how many tasks are stuck in them and behind.

        Where several cross, the shortest is told, and one of sure links before others.
        """
        stuck = self._stuck()
        links = {
            key: [link for link in self.outgoing(key) if link.target in stuck] for key in stuck
        }
        found = []
        for component in _components(stuck, links):
            if len(component) > 1 or self.link(component[0], component[0]):
                keys = self._cycle_in(component)
                behind = [key for key in self.behind(keys) if self._is_stuck(key)]
                pairs = zip(keys, (*keys[1:], keys[0]))
                inferred = any(link.inferred for link in map(self._link, pairs) if link)
                found.append(Cycle(keys, tuple(k for k in behind if k not in keys), inferred))
        return sorted(found, key=lambda c: (c.inferred, -len(c.behind) - len(c.keys), c.keys))

    def _stuck(self) -> dict[str, None]:
        # What is in a cycle or behind one. Who waits for any one of several is so only if all are.
        stuck = dict.fromkeys(self._out)
        to_do = [key for key in self.nodes if key not in stuck]
        while to_do:
            for link in self.incoming(to_do.pop()):
                key = link.source
                if key in stuck:
                    free = [other.target not in stuck for other in self._out[key]]
                    if all(free) or link.any_of:
                        del stuck[key]
                        to_do.append(key)
        return stuck

    def _link(self, ends: tuple[str, str]) -> Link | None:
        return self.link(*ends)

    def _cycle_in(self, component: Sequence[str]) -> tuple[str, ...]:
        # From a task, so that it reads: pid ... waits for ... held by pid ...
        tasks = [key for key in component if self.nodes[key].kind == "task"]
        starts = sorted(tasks or component)[:_STARTS]
        for with_inferred in False, True:
            ways = [self._way_back(start, set(component), with_inferred) for start in starts]
            if any(ways):
                return min(filter(None, ways), key=len)
        return ()

    def _way_back(self, start: str, members: set[str], with_inferred: bool) -> tuple[str, ...]:
        came: dict[str, str] = {}
        level = [start]
        while level:
            following = []
            for key in level:
                for link in self.outgoing(key):
                    if link.inferred and not with_inferred:
                        continue
                    if link.target == start:
                        way = [key]
                        while way[-1] != start:
                            way.append(came[way[-1]])
                        return tuple(reversed(way))
                    if link.target in members and link.target not in came:
                        came[link.target] = key
                        following.append(link.target)
            level = following
        return ()

    def roots(self) -> list[Root]:
        """Where chains end: by how many tasks are behind it, then by how long they are."""
        found = []
        for component in self._components:
            members = set(component)
            ends = not any(
                link.target not in members for key in component for link in self.outgoing(key)
            )
            if ends and (len(members) > 1 or self.incoming(component[0])):
                found.append(self._root(component))
        return sorted(found, key=lambda root: (-len(root.tasks), -(root.longest_ns or 0)))

    def _root(self, component: Sequence[str]) -> Root:
        behind = self.behind(component)
        trunk = component if len(component) == 1 else self._cycle_in(component)
        trunk = (*self._way_to(component), *trunk)
        tasks = [key for key in behind if self._is_stuck(key)]
        ages = [age for age in (self.nodes[key].age_ns for key in tasks) if age is not None]
        pairs = zip(trunk, trunk[1:])
        links = [self.link(source, target) for source, target in pairs]
        inferred = any(link is not None and link.inferred for link in links)
        return Root(tuple(component), trunk, tuple(tasks), max(ages, default=None), inferred)

    def _way_to(self, component: Sequence[str]) -> Sequence[str]:
        # Backwards, as long as all come from one node.
        way: list[str] = []
        inside = frozenset(component)
        first, seen = list(component), set(component)
        while True:
            before = {link.source for key in first for link in self.incoming(key)} - inside
            if len(before) != 1 or before <= seen:
                return way[::-1]
            first = list(before)
            seen |= before
            way += first

    def _is_stuck(self, key: str) -> bool:
        return self.nodes[key].kind == "task" and bool(self.outgoing(key))

    def behind(self, keys: Iterable[str]) -> list[str]:
        """These nodes and all that wait for them, directly or not."""
        found = dict.fromkeys(keys)
        to_do = list(found)
        while to_do:
            for link in self.incoming(to_do.pop()):
                if link.source not in found:
                    found[link.source] = None
                    to_do.append(link.source)
        return list(found)

    def waiting_tasks(self, key: str) -> list[Node]:
        """Tasks that wait for this node, directly or not; without itself."""
        nodes = (self.nodes[other] for other in self.behind([key]) if other != key)
        return [node for node in nodes if node.kind == "task"]


#: Tasks of one tangle from which a shortest cycle is looked for.
_STARTS = 64


def _components(
    nodes: Iterable[str], out: dict[str, list[Link]]
) -> Iterator[tuple[str, ...]]:  # strongly connected ones, by Tarjan, without recursion
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for first in nodes:
        if first in index:
            continue
        calls: list[tuple[str, Iterator[Link]]] = []

        def enter(key: str) -> None:
            index[key] = low[key] = len(index)
            stack.append(key)
            on_stack.add(key)
            calls.append((key, iter(out.get(key, ()))))

        enter(first)
        while calls:
            key, links = calls[-1]
            for link in links:
                if link.target not in index:
                    enter(link.target)
                    break
                if link.target in on_stack:
                    low[key] = min(low[key], index[link.target])
            else:
                calls.pop()
                if calls:
                    caller = calls[-1][0]
                    low[caller] = min(low[caller], low[key])
                if low[key] == index[key]:
                    component = [stack.pop()]
                    while component[-1] != key:
                        component.append(stack.pop())
                    on_stack.difference_update(component)
                    yield tuple(reversed(component))
