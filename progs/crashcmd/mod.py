# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel modules, and their debug info.

Columns: MODULE (struct module), NAME, BASE of its text (TEXT_BASE where a module has several
pieces), SIZE in bytes, OBJECT FILE with its debug info, or (not loaded). Columns of -t: NAME and
TAINTS, the letters of what taints the kernel; -g adds lines of ADDRESS and name of each section.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from crashcmd import values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import module_sections
from LinuxDump.modules import Module, modules, taint_letters, tell_damage
from pykdump import compat, dlkmload
from pykdump.errors import PykdumpError
from pykdump.logging import pylog


def collect(given: Given) -> Any:
    found = sorted(modules(), key=lambda module: module.text.addr)
    is_damaged = tell_damage()
    if "-t" in given:
        return text(_taints(found, is_damaged))
    if "-D" in given or "-R" in given:
        for module in found:
            if dlkmload.moduleFile(module.name):
                dlkmload.delModule(module.name)
        return tuple(found) if "-R" in given else ()
    name = given.value("-s") or given.value("-d")
    if name is not None:
        chosen = [module for module in found if module.name == name.replace("-", "_")]
        if not chosen:
            where = "among those that can be read" if is_damaged else "in the dump"
            raise given.error(f"{name}: no such module {where}")
        if "-d" in given:
            dlkmload.delModule(name)
            return ()
        dlkmload.load(chosen[0].name, given.words[0] if given.words else None)
        return tuple(chosen)
    if "-S" in given:
        if given.words and not os.path.isdir(os.path.expanduser(given.words[0])):
            raise given.error(f"{given.words[0]} is no folder")
        for module in found:
            _load(module, given.words[0] if given.words else None)
        return tuple(found)
    if given.words:
        raise given.error(f"{given.words[0]} is unknown; to load debug info: mod -s NAME")
    return tuple(found)


def _load(module: Module, folder: str | None) -> None:
    file = dlkmload.possibleModuleNames(folder, module.name) if folder else None
    try:
        dlkmload.load(module.name, file)
    except PykdumpError as error:
        pylog.warning(f"{module.name}: {error}")


def _taints(found: list[Module], is_damaged: bool) -> Iterator[str]:
    tainted = [module for module in found if module.taints]
    if not tainted:
        yield "(unknown)" if is_damaged else "no tainted modules"
        return
    width = max(4, *(len(module.name) for module in tainted))
    yield f"{'NAME':{width}}  TAINTS"
    yield from (f"{module.name:{width}}  {taint_letters(module.taints)}" for module in tainted)


def render(record: Any, given: Given) -> Iterator[str]:
    if isinstance(record, Text):
        yield from record.lines
        return
    if not record:
        return
    width = max(4, *(len(module.name) for module in record))
    digits = max(4, *(len(str(module.size_bytes)) for module in record))
    base = "TEXT_BASE" if compat.has("struct module.mem") else "BASE"
    yield f"     MODULE       {'NAME':{width}}  {base:^16}  {'SIZE':>{digits}}  OBJECT FILE"
    for module in record:
        file = dlkmload.moduleFile(module.name) or "(not loaded)  [CONFIG_KALLSYMS]"
        size = f"{module.size_bytes:{digits}}"
        yield f"{module.addr:x}  {module.name:{width}}  {module.text.addr:x}  {size}  {file}"
        if "-g" in given:
            yield from _section_lines(module)


def _section_lines(module: Module) -> Iterator[str]:
    try:
        found = module_sections.sections(module)
    except PykdumpError as error:
        pylog.warning(str(error))
        return
    for name, addr in sorted(found, key=lambda pair: pair[1]):
        if module.holds(addr):  # what of init is freed is others' now
            yield f"  {addr:16x}  {name}"


def _complete(beginning: str) -> list[str]:
    return values.matching([module.name for module in modules()], beginning)


COMMANDS = (
    Command(
        "mod",
        "[FILE]",
        collect,
        render,
        (
            Option("-s", "load the debug info of a module, from FILE if it is given", "NAME"),
            Option("-S", "load that of all modules, FILE being a folder to look in"),
            Option("-d", "forget the debug info of a module", "NAME"),
            Option("-D", "forget that of all modules", alone=True),
            Option("-R", "the same, and list the modules"),
            Option("-g", "with the address of each section below the module, of -s and -S too"),
            Option("-r", "read all symbols at once: done when they are needed, in any case"),
            Option("-o", "load as older versions of crash did: there is one way here"),
            Option("-t", "modules that taint the kernel, and how", alone=True),
        ),
        completes=_complete,
    ),
)
