# SPDX-License-Identifier: GPL-2.0-or-later
"""The mini kernel and its stacks as GDB alone sees them: what other tests may rely on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from mini_fixtures import mini_elf, mini_elf_variant  # noqa: F401
from writer.mini import USER_TEXT, mini_machine
from writer.stacks import CHAINS
from writer.virtual_core import write_virtual_core

if not shutil.which("gdb"):
    pytest.skip("gdb is missing; install gdb", allow_module_level=True)


def gdb(*commands: str) -> str:
    words = ["gdb", "-nx", "-batch", "-ex", "set width 0", "-ex", "set max-completions 1"]
    for command in commands:
        words += ["-ex", command]
    return subprocess.run(words, text=True, check=True, capture_output=True).stdout


@pytest.mark.parametrize("kaslr", [0, 0x1C000000])
def test_every_stack_unwinds_to_its_planted_functions(
    kaslr: int, mini_elf: Path, tmp_path: Path  # noqa: F811
) -> None:
    mini = mini_machine(mini_elf, tasks=20, cpus=3, panic_cpu=2, kaslr=kaslr)
    tasks = write_virtual_core(mini, tmp_path / "core")
    core = (f"symbol-file -o {kaslr} {mini_elf}", f"core-file {tmp_path / 'core'}")
    out = gdb(*core, "thread apply all -ascending bt 12")
    stacks = re.split(r"^Thread \d+ .*\n", out, flags=re.MULTILINE)[1:]
    assert len(stacks) == len(tasks)
    for task, text in zip(tasks, stacks):
        frames = re.findall(r"^#\d+ +(?:0x\w+ in )?(\w+|\?\?) \(", text, flags=re.MULTILINE)
        chain = [name for name in reversed(CHAINS.get(task.chain, ())) if name != "__switch_to_asm"]
        assert frames[: len(chain)] == chain, task
        if task.chain == "user":
            assert f"{USER_TEXT + 16:#018x}" in text
        if task.kernel_thread:
            assert len(frames) == len(chain), task


@pytest.mark.parametrize(
    ("elf", "has", "has_not"),
    [("mini_elf", "__state", "state"), ("mini_elf_variant", "state", "__state")],
)
def test_variant_has_the_older_task_struct(
    elf: str, has: str, has_not: str, request: pytest.FixtureRequest
) -> None:
    text = gdb(f"file {request.getfixturevalue(elf)}", "ptype struct task_struct")
    assert re.search(rf"\b{has};", text) and not re.search(rf"\b{has_not};", text)


def test_per_cpu_section_is_zero_based_or_in_the_image(
    mini_elf: Path, mini_elf_variant: Path  # noqa: F811
) -> None:
    show = "info address runqueues"
    assert "address 0x0." in gdb(f"file {mini_elf}", show)
    assert "address 0xffffffff81" in gdb(f"file {mini_elf_variant}", show)
