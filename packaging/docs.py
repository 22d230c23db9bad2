#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the API pages from docstrings; nothing is imported.

docs/api: what scripts get by `from pykdump.API import *` and from the modules beside it; a test
checks that these pages are up to date. `meson compile -C build docs` writes a page of every module
to build/docs/api.
"""

from __future__ import annotations

import argparse
import ast
import sys
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, Union

ROOT = Path(__file__).resolve().parent.parent

#: Modules that scripts import by name, besides what API exports.
BESIDE = ("pykdump.ASCII_Art", "pykdump.crash", "pykdump.tparser")

_INDEX = """\
# The API

What `from pykdump.API import *` brings, name by name. Written by packaging/docs.py; where the
classic API left a choice, [compatibility.md](compatibility.md) says which was taken.

| name | what it is |
|---|---|
{rows}
Imported by name:

{beside}
"""

Definition = Union[ast.ClassDef, ast.FunctionDef]


class Found(NamedTuple):
    """Where a name is defined; no node for constants and modules."""

    module: str
    name: str
    node: Definition | None
    comment: str = ""


# --- sources


def modules() -> Iterator[tuple[str, Path]]:
    """Name and file of each public module that scripts may import."""
    for top in (ROOT, ROOT / "progs"):
        package = "pykdump" if top == ROOT else "LinuxDump"
        for path in sorted((top / package).rglob("*.py")):
            name = ".".join(path.relative_to(top).with_suffix("").parts)
            if not path.name.startswith("_"):
                yield name, path


@cache
def _source(module: str) -> tuple[str, ast.Module] | None:
    for suffix in (".py", ".pyi", "/__init__.py"):
        path = ROOT / (module.replace(".", "/") + suffix)
        if module.startswith("pykdump") and path.exists():
            text = path.read_text()
            return text, ast.parse(text)
    return None


def find(module: str, name: str) -> Found:
    """Where a name of a module comes from, through all that imports it."""
    source = _source(module)
    if source is None:
        return Found(module, name, None)
    text, tree = source
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.col_offset == 0:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return find(node.module, alias.name)
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            return Found(module, name, node)
        if _assigns(node, name):
            return Found(module, name, None, _comment(text.splitlines(), node.lineno))
    return Found(module, name, None)


def _assigns(node: ast.stmt, name: str) -> bool:
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    names = {part.id for t in targets if t for part in ast.walk(t) if isinstance(part, ast.Name)}
    return isinstance(node, (ast.Assign, ast.AnnAssign)) and name in names


def _comment(lines: list[str], number: int) -> str:
    # The "#:" lines above a constant.
    found: list[str] = []
    while number > 1 and lines[number - 2].startswith("#:"):
        number -= 1
        found.insert(0, lines[number - 1][2:].strip())
    return " ".join(found)


def exported(module: str) -> list[str]:
    """The names in __all__, or the public ones."""
    source = _source(module)
    assert source is not None
    for node in source[1].body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return [node.name for node in _definitions(source[1].body)]


# --- pages


def page(name: str, tree: ast.Module, wanted: Iterable[str] | None = None) -> str:
    """The page of one module, or of some names in it."""
    nodes = list(_definitions(tree.body))
    if wanted is not None:
        names = set(wanted)
        nodes = [node for node in nodes if node.name in names]
    parts = [f"# {name}", ast.get_docstring(tree) or "", *_members(nodes, level=2)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _definitions(body: list[ast.stmt]) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
            yield node


def _members(nodes: Iterable[Definition], level: int) -> Iterator[str]:
    for node in nodes:
        yield f"{'#' * level} {node.name}"
        yield f"```python\n{_signature(node)}\n```"
        yield _described(ast.get_docstring(node) or "")
        if isinstance(node, ast.ClassDef):
            yield _fields(node)
            yield from _members(_definitions(node.body), level + 1)


def _described(docstring: str) -> str:
    # Sessions become code.
    parts = []
    for part in docstring.split("\n\n"):
        parts.append(f"```\n{part}\n```" if part.startswith(">>>") else part)
    return "\n\n".join(parts)


def _signature(node: Definition) -> str:
    bare = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(bare, (ast.ClassDef, ast.FunctionDef))
    bare.body = [ast.Expr(ast.Constant(...))]
    return ast.unparse(bare).removesuffix("...").rstrip().removesuffix(":")


def _fields(node: ast.ClassDef) -> str:
    fields = [f for f in node.body if isinstance(f, ast.AnnAssign) and not _is_private(f.target)]
    return textwrap.dedent("\n".join(f"- `{ast.unparse(field)}`" for field in fields))


def _is_private(target: ast.expr) -> bool:
    return ast.unparse(target).startswith("_")


# --- the two sets of pages


def api_pages() -> dict[str, str]:
    """Pages of docs/api by file name."""
    names = [find("pykdump.API", name) for name in exported("pykdump.API")]
    rows = [_row(exported_as, found) for exported_as, found in zip(exported("pykdump.API"), names)]
    wanted: dict[str, set[str]] = {}
    for found in names:
        if found.node is not None:
            wanted.setdefault(found.module, set()).add(found.name)
    for module in BESIDE:
        wanted.setdefault(module, set()).update(exported(module))
    pages = {}
    for module, some in sorted(wanted.items()):
        source = _source(module)
        assert source is not None
        pages[f"{module}.md"] = page(module, source[1], some)
    beside = "\n".join(f"- [{module}]({module}.md)" for module in BESIDE)
    pages["index.md"] = _INDEX.format(rows="".join(rows), beside=beside)
    return pages


def _row(name: str, found: Found) -> str:
    if found.node is not None:
        summary = (ast.get_docstring(found.node) or "").partition("\n")[0]
        link = f"[`{name}`]({found.module}.md#{found.name.lower()})"
    else:
        summary, link = found.comment or _of_module(name, found.module), f"`{name}`"
    return f"| {link} | {summary.replace('|', chr(92) + '|')} |\n"


def _of_module(name: str, module: str) -> str:
    own = _source(name if name == module.partition(".")[0] else f"{module}.{name}")
    if own is not None:
        return (ast.get_docstring(own[1]) or "").partition("\n")[0]
    if name in sys.stdlib_module_names:
        return "the module of Python"
    return f"of Python's `{module}`" if module in sys.stdlib_module_names else ""


def all_pages() -> dict[str, str]:
    """A page of every module."""
    pages = {f"{name}.md": page(name, ast.parse(path.read_text())) for name, path in modules()}
    index = "\n".join(f"- [{name.removesuffix('.md')}]({name})" for name in pages)
    return {**pages, "index.md": f"# API\n\n{index}\n"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        *("folder",), type=Path, nargs="?", help="write a page of every module there, not docs/api"
    )
    asked: Path | None = parser.parse_args().folder
    folder = asked or ROOT / "docs" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    pages = all_pages() if asked else api_pages()
    for name, text in pages.items():
        (folder / name).write_text(text)
    print(f"{len(pages)} pages in {folder}")


if __name__ == "__main__":
    main()
