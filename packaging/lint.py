#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Check the source tree: formatters, linters, types, spelling, and who may import whom.

`meson compile -C build lint` and tests/test_codebase.py run the same checks.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: One complaint: "path:line: text", the path relative to ROOT.
Finding = str


@dataclass(frozen=True)
class Check:
    name: str
    run: Callable[[Path], Iterable[Finding]]  #: takes the build folder
    command: str | None = None  #: what must be installed


# -- The files -----------------------------------------------------------------------------------


@cache
def all_files() -> tuple[Path, ...]:
    """Every source file, tracked or new, relative to ROOT."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists():
        names = _output(listing).rstrip("\0").split("\0")
    else:  # an unpacked release
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")]
    paths = (Path(name) for name in names if not name.startswith("build"))
    return tuple(sorted(p for p in paths if (ROOT / p).is_file()))


@cache
def cxx_files() -> tuple[Path, ...]:
    # tests/vmcore/module is C, in the kernel's style.
    ours = (p for p in all_files() if p.parts[0] == "accel" or p.parts[:2] == ("tests", "cxx"))
    return tuple(p for p in ours if p.suffix in (".h", ".cpp"))


@cache
def python_files() -> tuple[Path, ...]:
    return tuple(p for p in all_files() if p.suffix in (".py", ".pyi") or _is_script(p, "python"))


def _is_script(path: Path, interpreter: str) -> bool:
    if path.suffix:
        return False
    with open(ROOT / path, "rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and interpreter.encode() in first


def _typed_files() -> list[Path]:
    return [p for p in python_files() if p.parts[0] in ("pykdump", "progs", "gdb-plugin")]


# -- Commands ------------------------------------------------------------------------------------


def _output(command: Sequence[str | Path]) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.stdout


_LOCATED = re.compile(r"^(?P<path>[^\s:][^:]*):(?P<line>\d+):(?:\d+:)? ?(?P<text>.*)")


def _located(output: str, *, only: str = "") -> Iterator[Finding]:
    """The lines of ``output`` that start with a file and a line number and contain ``only``."""
    for line in output.splitlines():
        match = _LOCATED.match(line)
        if match and only in line:
            path = os.path.relpath(ROOT / match["path"], ROOT)
            yield f"{path}:{match['line']}: {match['text']}"


def _from_diff(output: str, text: str) -> Iterator[Finding]:
    """One finding for each hunk of a unified diff."""
    path = "?"
    for line in output.splitlines():
        if line.startswith("--- "):
            name = line[4:].split("\t")[0].removesuffix(":before")
            path = os.path.relpath(ROOT / name, ROOT)
        elif match := re.match(r"@@ -(\d+)", line):
            yield f"{path}:{match[1]}: {text}"


def _black(build: Path) -> Iterator[Finding]:
    output = _output(["black", "--quiet", "--diff", *python_files()])
    yield from _from_diff(output, "black would format this differently")
    for line in output.splitlines():
        if line.startswith("error: "):
            yield line


def _isort(build: Path) -> Iterator[Finding]:
    output = _output(["isort", "--check-only", "--diff", "--quiet", *python_files()])
    yield from _from_diff(output, "isort would sort this differently")


def _flake8(build: Path) -> Iterator[Finding]:
    yield from _located(_output(["flake8", *python_files()]))


def _mypy(build: Path) -> Iterator[Finding]:
    files = [*_typed_files(), *(p for p in python_files() if p.parts[0] == "packaging")]
    cache_dir = build if build.is_dir() else ROOT
    output = _output(["mypy", f"--cache-dir={cache_dir / '.mypy_cache'}", *files])
    yield from _located(output, only=": error: ")
    if not output.splitlines()[-1].startswith(("Success", "Found")):
        yield f"mypy: {output.strip()}"


def _codespell(build: Path) -> Iterator[Finding]:
    # unx: the member of struct net with the UNIX sockets.
    options = ["--quiet-level=2", r"--ignore-regex=\\n", "--ignore-words-list=unx"]
    yield from _located(_output(["codespell", *options, *all_files()]))


def _clang_format(build: Path) -> Iterator[Finding]:
    if cxx_files():
        output = _output(["clang-format", "--dry-run", "-Werror", *cxx_files()])
        yield from sorted(set(_located(output, only="error: ")))


def _cache_folder() -> Path:
    """Where it is kept what was found clean, for every checkout of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pykdump-lint"


def _with_headers(path: Path) -> set[Path]:
    """A C++ source and all headers of ours that it includes."""
    found, waiting = set(), [path]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        names = re.findall(r'^#include "(.+)"', file.read_text(), flags=re.MULTILINE)
        places = [folder / name for name in names for folder in (ROOT / "accel", file.parent)]
        waiting += [place for place in places if place.is_file()]
    return found


def _clang_tidy(build: Path) -> Iterator[Finding]:
    if not (build / "compile_commands.json").exists():
        yield f"{build}: not configured; run packaging/build"
        return
    stamps = _cache_folder() / "clang-tidy"
    stamps.mkdir(parents=True, exist_ok=True)
    settings = _output(["clang-tidy", "--version"]).encode() + (ROOT / ".clang-tidy").read_bytes()

    def tidy(path: Path) -> list[Finding]:
        # A source that was clean stays so until it, a header of it or the settings change.
        texts = [file.read_bytes() for file in sorted(_with_headers(ROOT / path))]
        stamp = stamps / hashlib.sha256(settings + b"".join(texts)).hexdigest()
        if stamp.exists():
            return []
        output = _output(
            ["clang-tidy", "--quiet", "-p", build, "--extra-arg=-Wno-unknown-warning-option", path]
        )
        output = re.sub(r"^\.\./", "", output, flags=re.MULTILINE)  # seen from the build folder
        found = [*_located(output, only="error: "), *_located(output, only="warning: ")]
        if not found:
            stamp.touch()
        return found

    sources = [p for p in cxx_files() if p.suffix == ".cpp" and p.parts[0] == "accel"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # A header's faults come with each source that includes it.
        yield from sorted({finding for found in pool.map(tidy, sources) for finding in found})


def _cppcheck(build: Path) -> Iterator[Finding]:
    sources = [p for p in cxx_files() if p.suffix == ".cpp" and p.parts[0] == "accel"]
    if sources:
        command = [
            "cppcheck",
            "--quiet",
            "--std=c++20",
            "--language=c++",
            "--inline-suppr",
            "-Iaccel",
        ]
        command += ["--enable=warning,performance,portability", f"-j{os.cpu_count()}"]
        facts = _cache_folder() / "cppcheck"
        facts.mkdir(parents=True, exist_ok=True)
        command += [f"--cppcheck-build-dir={facts}"]
        command += ["--template={file}:{line}: {message} [{id}]"]
        yield from _located(_output([*command, *sources]))


# -- Rules of our own ----------------------------------------------------------------------------


def _spdx(build: Path) -> Iterator[Finding]:
    suffixes = (".py", ".pyi", ".h", ".c", ".cpp", ".S", ".sh", ".toml")
    for path in all_files():
        is_source = path.suffix in suffixes or path.name == "meson.build"
        if is_source or _is_script(path, "bash") or _is_script(path, "python"):
            head = (ROOT / path).read_text(errors="replace").splitlines()[:2]
            if not any("SPDX-License-Identifier: GPL-2.0" in line for line in head):
                yield f"{path}:1: no SPDX-License-Identifier in the first two lines"


# Who may include whom in accel/: a folder includes itself and those of its row and below.
_CXX_RANK = {
    "bindings": 3,
    "layout": 2,
    "objects": 2,
    "symbols": 2,
    "walk": 2,
    "percpu": 2,
    "bulk": 2,
    "orc": 2,
    "target": 2,
}
_CXX_RANK |= {"dump": 1, "arch": 1, "base": 0}
_CXX_LIBRARIES = {"pybind11": "bindings", "Python.h": "bindings", "libkdumpfile": "dump"}
_INCLUDE = re.compile(r'\s*#\s*include\s*[<"](?:accel/)?(?P<path>(?P<top>[^/>"]+)[^>"]*)')


def _includes(build: Path) -> Iterator[Finding]:
    for path in cxx_files():
        if path.parts[0] != "accel":
            continue
        folder = path.parts[1]
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            match = _INCLUDE.match(line)
            if not match:
                continue
            owner = _CXX_LIBRARIES.get(match["top"])
            if owner and owner != folder:
                yield f"{path}:{number}: only accel/{owner} includes {match['top']}"
            if _CXX_RANK.get(match["top"], 0) > _CXX_RANK.get(folder, 0):
                yield f"{path}:{number}: accel/{folder} may not include accel/{match['top']}"


# Who may import whom in Python: a module imports those of its rank and below.
_PYTHON_RANK = {
    "pykdump_gdb": 6,
    "tool": 5,
    "crashcmd": 5,
    "LinuxDump": 4,
    "pykdump.API": 3,
    "pykdump.tool": 3,
    "pykdump": 2,
    "pykdump.compat": 1,  # what layouts ask, and it asks lowlevel
    "pykdump.lowlevel": 1,
    "pykdump.debugtypes": 1,
    "pykdump.members": 1,
    "pykdump.errors": 0,
    "pykdump.kept": 0,
    "pykdump.logging": 0,
}
_GDB_USERS = (
    "pykdump.lowlevel",
    "pykdump.members",
    "pykdump.debugtypes",
    "pykdump.frames",
    "pykdump.code",
    "pykdump.disassembly",
    "pykdump.printed",
    "pykdump.struct_text",
    "pykdump.dlkmload",
    "pykdump_gdb",
)
_ACCEL_USERS = (
    "pykdump.lowlevel",
    "pykdump.layout",
    "pykdump.readers",
    "pykdump.structs",
    "pykdump.values",
    "pykdump.memory",
    "pykdump.frames",
    "pykdump.lists",
    "pykdump.walks",
    "pykdump.bulk",
    "pykdump.unwinding",
    "pykdump.errors",
    "pykdump_gdb",
)


@cache
def _tools() -> frozenset[str]:
    return frozenset(p.stem for p in all_files() if p.match("progs/*.py") and len(p.parts) == 2)


def _layer(module: str) -> str | None:
    """The key of _PYTHON_RANK that a module name falls under; None for modules not ours."""
    if module in _tools():
        return "tool"
    two = ".".join(module.split(".")[:2])
    for name in (two, module.split(".")[0]):
        if name in _PYTHON_RANK:
            return name
    return None


def _module_name(path: Path) -> str:
    parts = list(path.with_suffix("").parts)
    if parts[0] in ("progs", "gdb-plugin"):
        parts = parts[1:]
    if len(parts) == 1 and path.parts[0] == "gdb-plugin":
        return "pykdump_gdb"  # the init script and the launcher
    return ".".join(parts).removesuffix(".__init__")


def _imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and absolute name of each imported module; what only type checkers see is left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from _imports(ast.Module(node.orelse, []), package)
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            prefix = ".".join(base) if node.level else ""
            module = ".".join(filter(None, [prefix, node.module or ""]))
            yield node.lineno, module
            for alias in node.names:  # "from pykdump import _accel" imports a module
                yield node.lineno, f"{module}.{alias.name}"
        yield from _imports(node, package)


def _import_directions(build: Path) -> Iterator[Finding]:
    for path in _typed_files():
        try:
            tree = ast.parse((ROOT / path).read_text())
        except SyntaxError as error:
            yield f"{path}:{error.lineno}: {error.msg}"
            continue
        module = _module_name(path)
        package = module if path.stem == "__init__" else module.rpartition(".")[0]
        for line, imported in _imports(tree, package):
            if complaint := _import_complaint(module, imported):
                yield f"{path}:{line}: {complaint}"


def _import_complaint(module: str, imported: str) -> str | None:
    layer, target = _layer(module), _layer(imported)
    if imported.split(".")[0] == "gdb":
        if not {layer, module}.intersection(_GDB_USERS):
            return f"only {', '.join(_GDB_USERS)} import gdb"
    elif imported == "pykdump._accel" or imported.startswith("pykdump._accel."):
        if not {layer, module}.intersection(_ACCEL_USERS):
            return f"only {', '.join(_ACCEL_USERS)} import pykdump._accel"
    elif layer is None or target is None or imported == "pykdump":
        return None
    elif layer == target == "tool" and imported != module:
        return f"no tool imports another ({imported}): what two need lives in LinuxDump"
    elif _PYTHON_RANK[target] > _PYTHON_RANK[layer]:
        return f"{module} may not import {imported}: imports go down only"
    return None


def _documented(build: Path) -> Iterator[Finding]:
    """Commands, parameters and convenience functions of GDB, and tools, that docs/ leaves out."""
    pages = [p for p in all_files() if p.suffix == ".md" and p.parts[0] in ("docs", "README.md")]
    text = "\n".join((ROOT / p).read_text() for p in pages)
    for path in python_files():
        if path.parts[0] == "gdb-plugin":
            for line, name in _registered_names(ast.parse((ROOT / path).read_text())):
                if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text):
                    yield f"{path}:{line}: no page of docs/ mentions {name}"
    for tool in sorted(_tools()):
        if not (ROOT / f"docs/tools/{tool}.md").exists():
            yield f"progs/{tool}.py:1: docs/tools/{tool}.md is missing"


def _registered_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each command, parameter and function that a module adds to GDB."""
    prefixes = {"Command": "", "Parameter": "", "Function": "$"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        bases = [ast.unparse(base).rpartition(".")[2].lstrip("_") for base in node.bases]
        kind = next((base for base in bases if base in prefixes), None)
        for method in node.body:
            if kind and isinstance(method, ast.FunctionDef) and method.name == "__init__":
                # The name is written where it is passed on, or as a parameter's default.
                for part in ast.walk(method):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.lineno, prefixes[kind] + part.value
                        break


CHECKS = (
    Check("clang-format", _clang_format, "clang-format"),
    Check("clang-tidy", _clang_tidy, "clang-tidy"),
    Check("cppcheck", _cppcheck, "cppcheck"),
    Check("black", _black, "black"),
    Check("isort", _isort, "isort"),
    Check("flake8", _flake8, "flake8"),
    Check("mypy", _mypy, "mypy"),
    Check("codespell", _codespell, "codespell"),
    Check("spdx", _spdx),
    Check("includes", _includes),
    Check("imports", _import_directions),
    Check("documented", _documented),
)


def fix() -> None:
    """Repair what formatters can."""
    for command in (["clang-format", "-i"], ["isort", "--quiet"], ["black", "--quiet"]):
        files = cxx_files() if command[0] == "clang-format" else python_files()
        if files:
            print(_output([*command, *files]), end="")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fix", action="store_true", help="format the sources first")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="build folder")
    names = [check.name for check in CHECKS]
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"{', '.join(names)}")
    options = parser.parse_args()
    if unknown := sorted(set(options.checks) - set(names)):
        parser.error(f"unknown check {unknown[0]}: {', '.join(names)}")
    if options.fix:
        fix()
    count = 0
    for check in CHECKS:
        if options.checks and check.name not in options.checks:
            continue
        if check.command and not shutil.which(check.command):
            print(f"{check.command} is missing: packaging/install-deps test", file=sys.stderr)
            count += 1
            continue
        for finding in check.run(options.build.resolve()):
            print(f"{finding}  ({check.name})", flush=True)
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
