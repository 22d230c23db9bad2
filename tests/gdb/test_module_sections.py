# SPDX-License-Identifier: GPL-2.0-or-later
"""Sections of a module in each way that kernels have kept them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from build_mini_kernel import HERE, build_mini_kernel
from gdb_run import Run, gdb
from mini_dump import written
from writer.mini import mini_machine

ASK = """python
from LinuxDump import module_sections, modules
from pykdump.files import Section
module = next(each for each in modules.modules() if each.name == "mini_module")
known = module_sections.sections(module)
print("known", [(name, hex(addr - module.text.addr)) for name, addr in known[:2] + known[3:]])
print("build-id", module_sections.build_id(module))
names = (".text", ".init.text", "__same", "__same", "__same", ".data..percpu", ".comment")
rows = [Section(name, 0 if name == ".comment" else 2, 0, 0x1001) for name in names]
for name, addr in module_sections.placed(module, rows):
    print("placed", name, "gone" if addr >> 48 == 0xDEAD else hex(addr - module.text.addr))
print("apart", len({addr for _, addr in module_sections.placed(module, rows)}))
end
"""

ASK_INIT = """python
import gdb
from LinuxDump import BTstack, modules
modules.add_to_tables()
coming = next(each for each in modules.modules() if each.name == "second_module")
tables, init = BTstack.tables(), coming.init_text.addr
for addr in (coming.text.addr + 0x41, coming.text.addr + 0x201, init + 0x21):
    print("named", tables.symbols.at(addr), tables.unwinder.saved_registers_at(addr))
print("is", coming.state, coming.size_bytes, coming.holds(init), coming.runs(init))
for objfile in gdb.objfiles():
    if "second_module" in objfile.filename:
        text = gdb.execute(f"maint print msymbols -objfile {objfile.filename}", to_string=True)
        planted = ("mini_function.isra.0", "mini_data", "mini_init")
        found = [name for name in planted if name in text]
        print("file", objfile.filename.split("/")[-1], sorted(found))
end
"""


@pytest.fixture(params=[418, 508, 614])
def opened(request: pytest.FixtureRequest, plugin: None, tmp_path: Path) -> Callable[[str], Run]:
    words = (f"-DLAYOUT={request.param}", "-Dmodules=no_modules", str(HERE / "mini_modules.c"))
    elf = build_mini_kernel(tmp_path / "vmlinux", words)
    dump = written(mini_machine(elf), elf, tmp_path / "vmcore")
    script = tmp_path / "ask.gdb"

    def ask(text: str) -> Run:
        script.write_text(text)
        return gdb(f"target kdump {dump.vmcore}", f"source {script}", args=[elf])

    return ask


def test_code_of_an_init_that_runs_has_names_and_is_unwound(opened: Callable[[str], Run]) -> None:
    run = opened(ASK_INIT)
    assert [line for line in run.out.splitlines() if line.startswith(("named", "is", "file"))] == [
        "named ('mini_function.isra.0', 1, 'second_module') None",
        "named ('mini_data', 1, 'second_module') None",
        "named ('mini_init', 1, 'second_module') 24",
        "is coming 8192 True True",
        "file second_module.orc ['mini_data', 'mini_function.isra.0']",
        "file second_module.init.orc ['mini_init']",
    ], run.err
    # The other module has neither symbols nor unwind tables.
    assert "module mini_module: its symbols cannot be read" in run.err


def test_sections_are_known_and_those_of_init_are_placed_where_nothing_is(
    opened: Callable[[str], Run]
) -> None:
    run = opened(ASK)
    same = "('__same', '0x10'), ('__same', '0x20')"
    assert f"known [('.text', '0x0'), ('.note.gnu.build-id', '0x1000'), {same}]" in run.out, run.err
    assert f"build-id abcdef{'00' * 17}" in run.out
    placed = [line.split()[1:] for line in run.out.splitlines() if line.startswith("placed")]
    assert [where for _, where in placed[:5]] == ["0x0", "gone", "0x10", "0x20", "gone"]
    assert [name for name, _ in placed[5:]] == [".data..percpu"]
    assert "apart 6" in run.out
