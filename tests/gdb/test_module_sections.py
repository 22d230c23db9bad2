# SPDX-License-Identifier: GPL-2.0-or-later
"""Sections of a module in each way that kernels have kept them."""

from __future__ import annotations

from pathlib import Path

import pytest
from build_mini_kernel import HERE, build_mini_kernel
from gdb_run import gdb
from mini_dump import written
from writer.mini import mini_machine

ASK = """python
from LinuxDump import module_sections, modules
from pykdump.files import Section
(module,) = modules.modules()
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


@pytest.mark.parametrize("layout", [418, 508, 614])
def test_sections_are_known_and_those_of_init_are_placed_where_nothing_is(
    layout: int, plugin: None, tmp_path: Path
) -> None:
    words = (f"-DLAYOUT={layout}", "-Dmodules=no_modules", str(HERE / "mini_modules.c"))
    elf = build_mini_kernel(tmp_path / "vmlinux", words)
    dump = written(mini_machine(elf), elf, tmp_path / "vmcore")
    script = tmp_path / "ask.gdb"
    script.write_text(ASK)
    run = gdb(f"target kdump {dump.vmcore}", f"source {script}", args=[elf])
    same = "('__same', '0x10'), ('__same', '0x20')"
    assert f"known [('.text', '0x0'), ('.note.gnu.build-id', '0x1000'), {same}]" in run.out, run.err
    assert f"build-id abcdef{'00' * 17}" in run.out
    placed = [line.split()[1:] for line in run.out.splitlines() if line.startswith("placed")]
    assert [where for _, where in placed[:5]] == ["0x0", "gone", "0x10", "0x20", "gone"]
    assert [name for name, _ in placed[5:]] == [".data..percpu"]
    assert "apart 6" in run.out
