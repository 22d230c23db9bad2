#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the API pages from docstrings, one Markdown page a module; nothing is imported.

`meson compile -C build docs` writes them to build/docs/api.
"""

from __future__ import annotations

import argparse
import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def modules() -> Iterator[tuple[str, Path]]:
    """Name and file of each public module that scripts may import."""
    for top in (ROOT, ROOT / "progs"):
        package = "pykdump" if top == ROOT else "LinuxDump"
        for path in sorted((top / package).rglob("*.py")):
            name = ".".join(path.relative_to(top).with_suffix("").parts)
            if not path.name.startswith("_"):
                yield name, path


def page(name: str, source: str) -> str:
    """The page of one module."""
    tree = ast.parse(source)
    parts = [f"# {name}", ast.get_docstring(tree) or "", *_members(tree, level=2)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _members(parent: ast.Module | ast.ClassDef, level: int) -> Iterator[str]:
    for node in parent.body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or node.name.startswith("_"):
            continue
        yield f"{'#' * level} {node.name}"
        yield f"```python\n{_signature(node)}\n```"
        yield ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef):
            yield _fields(node)
            yield from _members(node, level + 1)


def _signature(node: ast.ClassDef | ast.FunctionDef) -> str:
    bare = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(bare, (ast.ClassDef, ast.FunctionDef))
    bare.body = [ast.Expr(ast.Constant(...))]
    return ast.unparse(bare).removesuffix("...").rstrip().removesuffix(":")


def _fields(node: ast.ClassDef) -> str:
    fields = [f for f in node.body if isinstance(f, ast.AnnAssign) and not _is_private(f.target)]
    return textwrap.dedent("\n".join(f"- `{ast.unparse(field)}`" for field in fields))


def _is_private(target: ast.expr) -> bool:
    return ast.unparse(target).startswith("_")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the pages go")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, path in modules():
        (folder / f"{name}.md").write_text(page(name, path.read_text()))
        names.append(name)
    index = "\n".join(f"- [{name}]({name}.md)" for name in names)
    (folder / "index.md").write_text(f"# API\n\n{index}\n")
    print(f"{len(names)} pages in {folder}")


if __name__ == "__main__":
    main()
