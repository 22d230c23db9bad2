# SPDX-License-Identifier: GPL-2.0-or-later
"""The wait-for graph drawn: as a tree of text, in the language of Graphviz, and as SVG."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from LinuxDump.hangs.graph import Graph, Link, Node
from pykdump.ASCII_Art import AA_Node

#: Threads beside one box; one more box says how many there are.
_MOST_CHILDREN = 16
#: Boxes of a drawing: more cannot be read.
MOST_BOXES = 600
_GROUPED = 3  # so many threads that wait alike are drawn as one box


def seconds(ns: int | None) -> str:
    """An age, short."""
    return "" if ns is None else f"{ns / 1e9:.1f} s"


# --- text


def owner_trees(graph: Graph) -> Iterator[str]:
    """A tree for each blocker: who holds things up, beside it the threads that wait for it."""
    for root in graph.roots():
        if any(graph.nodes[key].state == "D" for key in root.tasks):
            yield _tree(graph, root.keys[0]).HorTree()


def _tree(graph: Graph, start: str) -> AA_Node:
    tree = AA_Node(_label(graph.nodes[start]))
    seen = {start}
    to_do = [(start, tree)]
    while to_do:
        key, box = to_do.pop()
        waiting = [other for other in _waiting(graph, key) if other not in seen]
        seen.update(waiting)
        for other in waiting[:_MOST_CHILDREN]:
            to_do.append((other, AA_Node(_label(graph.nodes[other]), box)))
        if len(waiting) > _MOST_CHILDREN:
            AA_Node(f"<{len(waiting) - _MOST_CHILDREN} more>", box)
    return tree


def _waiting(graph: Graph, key: str) -> list[str]:
    # The nearest threads that wait for a node, through what lies between.
    found: list[str] = []
    seen = {key}
    to_do = [key]
    while to_do:
        for link in graph.incoming(to_do.pop()):
            if link.source not in seen:
                seen.add(link.source)
                if graph.nodes[link.source].kind == "task":
                    found.append(link.source)
                else:
                    to_do.append(link.source)
    return found


def _label(node: Node) -> str:
    if node.pid is None:
        return "\n".join(textwrap.wrap(node.text, 30))
    return f"{node.pid} {name_of(node)}"


def name_of(node: Node) -> str:
    """The name of a task in its node's text."""
    return node.text.partition('"')[2].rpartition('"')[0]


# --- what is drawn


@dataclass(eq=False)
class Box:
    """A node, or several threads that wait for the same and for whom nobody waits."""

    keys: list[str]
    lines: list[str]
    kind: str
    layer: int = 0
    x: int = 0
    y: int = 0
    floor: int = 0  #: below all boxes that hang together with it
    to: list[tuple[Box, Link]] = field(default_factory=list)

    @property
    def width(self) -> int:
        """In pixels."""
        return 16 + 7 * max(map(len, self.lines))

    @property
    def height(self) -> int:
        """In pixels."""
        return 12 + 15 * len(self.lines)


def boxes(graph: Graph) -> list[Box]:
    """What to draw: everything that hangs together, the largest groups of waiters first."""
    # Deadlocks first, each from where it is told from.
    order = dict.fromkeys(key for cycle in graph.cycles() for key in cycle.keys)
    roots = graph.roots()
    roots.sort(key=lambda root: not any(graph.nodes[key].state == "D" for key in root.tasks))
    for root in roots:
        if len(order) < MOST_BOXES:
            order.update(dict.fromkeys(graph.behind(root.keys)))
    made: dict[str, Box] = {}
    for keys in _grouped(graph, list(order)):
        box = Box(keys, _lines(graph, keys), graph.nodes[keys[0]].kind)
        made.update(dict.fromkeys(keys, box))
    found = list(dict.fromkeys(made.values()))
    for box in found:
        for link in graph.outgoing(box.keys[0]):
            if link.target in made:
                box.to.append((made[link.target], link))
    return found


def _grouped(graph: Graph, keys: Sequence[str]) -> Iterator[list[str]]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for key in keys:
        targets = tuple(link.target for link in graph.outgoing(key))
        is_leaf = graph.nodes[key].kind == "task" and not graph.incoming(key)
        alike.setdefault(targets if is_leaf else (key, ""), []).append(key)
    for group in alike.values():
        if len(group) > _GROUPED:
            yield group
        else:
            yield from ([key] for key in group)


def _lines(graph: Graph, keys: Sequence[str]) -> list[str]:
    nodes = [graph.nodes[key] for key in keys]
    if len(nodes) > 1:
        pids = " ".join(str(node.pid) for node in nodes[:8])
        more = " ..." if len(nodes) > 8 else ""
        longest = max(node.age_ns or 0 for node in nodes)
        return [f"{len(nodes)} threads, longest {seconds(longest)}", pids + more]
    (node,) = nodes
    lines = textwrap.wrap(node.text, 34) or [node.key]
    if node.kind == "task":
        lines.append(f"{node.state} {seconds(node.age_ns)}".strip())
    elif node.age_ns:
        lines.append(seconds(node.age_ns))
    return lines


def in_cycles(graph: Graph) -> set[str]:
    """Keys of the nodes of cycles."""
    return {key for cycle in graph.cycles() for key in cycle.keys}


# --- Graphviz


def dot(graph: Graph) -> Iterator[str]:
    """The graph for Graphviz: ``dot -Tsvg``."""
    cyclic = in_cycles(graph)
    found = boxes(graph)
    names = {id(box): f"n{number}" for number, box in enumerate(found)}
    yield "digraph waits {"
    yield '  rankdir=LR; node [shape=box, fontname="monospace", fontsize=10];'
    for box in found:
        label = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in box.lines)
        color = ", color=red" if cyclic & set(box.keys) else ""
        shape = ", style=rounded" if box.kind == "task" else ""
        yield f'  {names[id(box)]} [label="{label}"{color}{shape}];'
    for box in found:
        for target, link in box.to:
            style = ", style=dashed" if link.inferred else ""
            label = link.how.replace('"', '\\"')
            yield f'  {names[id(box)]} -> {names[id(target)]} [label="{label}"{style}];'
    yield "}"


# --- SVG

_GAP_X, _GAP_Y, _MARGIN, _BACK = 120, 14, 20, 45
_FILLS = {"task": "#e8f0fe", "request": "#fef3e0", "disk": "#fef3e0", "server": "#fef3e0"}
#: White around the letters, so that they can be read on a line.
_HALO = 'stroke="white" stroke-width="3" paint-order="stroke"'
_LEGEND = (
    ("#e8f0fe", 8, "thread", "", ""),
    ("#f4f4f4", 0, "what is waited for", "", ""),
    ("#fef3e0", 0, "device, server", "", ""),
    ("", 0, "inferred", "#555", ' stroke-dasharray="5 4"'),
    ("", 0, "deadlock", "#c00", ""),
)
_LEGEND_WIDTH, _LEGEND_HEIGHT = 640, 40
_ARROW = (
    '<marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#555"/></marker>'
)


def svg(graph: Graph) -> Iterator[str]:
    """The graph as a drawing: who waits at the left, who holds things up at the right."""
    found = boxes(graph)
    width, height = _place(found)
    width, height = max(width, _LEGEND_WIDTH), height + _LEGEND_HEIGHT
    cyclic = in_cycles(graph)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="monospace" font-size="11">'
    )
    yield f"<defs>{_ARROW}</defs>"
    yield f'<rect width="{width}" height="{height}" fill="white"/>'
    yield from _legend(height - _LEGEND_HEIGHT)
    for box in found:
        yield from _arrows(box, cyclic)
    for box in found:
        yield from _box(box, bool(cyclic & set(box.keys)))
    yield "</svg>"


def _legend(top: int) -> Iterator[str]:
    x = _MARGIN
    for fill, radius, text, stroke, dashes in _LEGEND:
        if fill:
            yield (
                f'<rect x="{x}" y="{top}" width="24" height="14" rx="{radius}" fill="{fill}" '
                'stroke="#555"/>'
            )
        else:
            yield f'<path d="M{x} {top + 7} h24" stroke="{stroke}"{dashes}/>'
        yield f'<text x="{x + 30}" y="{top + 11}" fill="#555">{text}</text>'
        x += 50 + 7 * len(text)


def _place(found: Sequence[Box]) -> tuple[int, int]:
    _set_layers(found)
    layers: dict[int, list[Box]] = {}
    for box in found:
        layers.setdefault(box.layer, []).append(box)
    # Holders at the right, each at the height of the first that waits for it.
    x = _MARGIN
    for layer in sorted(layers, reverse=True):
        for box in layers[layer]:
            box.x = x
        x += max(box.width for box in layers[layer]) + _GAP_X
    bottom = _MARGIN
    for group in _groups(found):
        top = dict.fromkeys(layers, bottom)  # below all that came before
        for box in group:
            wanted = [target.y for target, _ in box.to if target.y]
            box.y = max(top[box.layer], min(wanted, default=0))
            top[box.layer] = box.y + box.height + _GAP_Y
        bottom = max(top.values())
        for box in group:
            box.floor = bottom
        if any(target.layer >= box.layer for box in group for target, _ in box.to):
            bottom += _BACK  # an arrow goes back below these boxes
    return x - _GAP_X + _MARGIN, bottom + _MARGIN


def _groups(found: Sequence[Box]) -> Iterator[list[Box]]:
    # Each blocker with all that waits behind it, from the right to the left.
    sources: dict[int, list[Box]] = {}
    for box in found:
        for target, _ in box.to:
            sources.setdefault(id(target), []).append(box)
    seen: set[int] = set()
    for root in sorted(found, key=lambda box: box.layer):
        group, to_do = [], [root]
        while to_do:
            box = to_do.pop()
            if id(box) not in seen:
                seen.add(id(box))
                group.append(box)
                to_do += reversed(sources.get(id(box), []))
        if group:
            yield group


def _set_layers(found: Sequence[Box]) -> None:
    # The longest way to a blocker, not counting the links that close a cycle.
    done: set[int] = set()
    on_way: set[int] = set()
    for first in found:
        calls = [(first, iter(first.to))] if id(first) not in done else []
        on_way.update(id(box) for box, _ in calls)
        while calls:
            box, links = calls[-1]
            for target, _ in links:
                if id(target) in done:
                    box.layer = max(box.layer, target.layer + 1)
                elif id(target) not in on_way:
                    on_way.add(id(target))
                    calls.append((target, iter(target.to)))
                    break
            else:
                calls.pop()
                on_way.discard(id(box))
                done.add(id(box))
                if calls:
                    calls[-1][0].layer = max(calls[-1][0].layer, box.layer + 1)


def _box(box: Box, is_cyclic: bool) -> Iterator[str]:
    stroke = "#c00" if is_cyclic else "#555"
    radius = 8 if box.kind == "task" else 0
    fill = _FILLS.get(box.kind, "#f4f4f4")
    yield (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="{radius}" '
        f'fill="{fill}" stroke="{stroke}" stroke-width="{2 if is_cyclic else 1}"/>'
    )
    for number, line in enumerate(box.lines):
        y = box.y + 18 + 15 * number
        yield f'<text x="{box.x + 8}" y="{y}">{escape(line)}</text>'


def _arrows(box: Box, cyclic: set[str]) -> Iterator[str]:
    for target, link in box.to:
        x1, y1 = box.x + box.width, box.y + box.height // 2
        x2, y2 = target.x, target.y + target.height // 2
        bend = 45
        if x2 <= x1:  # back to the left, below both
            y1, y2 = box.y + box.height, target.y + target.height
            x1, x2 = box.x + box.width // 2, target.x + target.width // 2
            low = box.floor + 20
            path = f"M{x1} {y1} C{x1} {low} {x2} {low} {x2} {y2}"
            label_x, label_y, anchor = (x1 + x2) // 2, (low * 3 + y2) // 4, "middle"
        else:
            path = f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
            label_x, label_y, anchor = x1 + 6, y1 - 4, "start"  # where no other arrow begins
        color = "#c00" if {link.source, link.target} <= cyclic else "#555"
        dashes = ' stroke-dasharray="5 4"' if link.inferred else ""
        yield (
            f'<path d="{path}" fill="none" stroke="{color}"{dashes} marker-end="url(#arrow)">'
            f"<title>{escape(link.how)}: {escape(link.evidence)}</title></path>"
        )
        yield (
            f'<text x="{label_x}" y="{label_y}" text-anchor="{anchor}" fill="#555" '
            f'font-size="10" {_HALO}>{escape(link.how)}</text>'
        )
