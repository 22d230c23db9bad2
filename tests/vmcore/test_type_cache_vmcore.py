# SPDX-License-Identifier: GPL-2.0-or-later
"""With real kernels: a session shows the same with and without what others kept of types."""

from __future__ import annotations

import re
from pathlib import Path

import gdb_run
import pytest

from harness import Vmcore

COMMANDS = (
    *("pykdump crashinfo", "pykdump hanginfo", "pykdump slab", "pykdump pstree", "pykdump log"),
    *("crash ps", "crash files 1", "crash mount", "crash net", "crash kmem -i", "crash timer"),
    *("pyk-run taskinfo", "pyk-run xportshow -a"),
)
SCRIPT = """
from LinuxDump.Tasks import *
for name in "struct task_struct", "struct file_operations", "struct sk_buff", "struct nosuch":
    try:
        print(repr(getStructInfo(name)))
    except TypeError as error:
        print(error)
for name in "init_task", "jiffies", "vfs_read", "runqueues", "nosuch":
    try:
        print(repr(whatis(name)), whatis(name).ti.prototype)
    except TypeError as error:
        print(error)
print(EnumInfo("PIDTYPE_PID"), enumerator_value("nosuch"), member_offset("struct nosuch", "x"))
readSymbol("init_task").Dump()
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with vmlinux's indexes as they are, in which nothing is known of types."""
    folder = tmp_path / "cache" / "pykdump"
    folder.mkdir(parents=True)
    for version in (Path.home() / ".cache" / "pykdump").glob("gdb-index-*"):
        (folder / version.name).symlink_to(version)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent))
    return folder / "types"


def shown(vmcore: Vmcore, *commands: str) -> list[str]:
    files = " ".join(map(str, next(iter(vmcore.forms.values()))))
    run = gdb_run.gdb(*commands[:1], f"target kdump {files}", *commands[1:], args=[vmcore.vmlinux])
    assert "Traceback" not in run.err, run.err
    text = run.out + run.err
    return [line for line in text.splitlines() if "Execution took" not in line]


@pytest.mark.vmcore
def test_tools_and_scripts_show_the_same_without_before_and_after(
    vmcore: Vmcore, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    commands = (*COMMANDS, f"pyk-run {tmp_path}/script.py")
    without = shown(vmcore, "set pykdump type-cache off", *commands)
    assert not cache.exists()
    first = shown(vmcore, "set pykdump type-cache on", *commands)
    (file,) = cache.iterdir()
    assert file.stat().st_size > 50_000
    second = shown(vmcore, "set pykdump type-cache on", *commands)
    assert first == without
    assert second == first


@pytest.mark.vmcore
def test_a_modules_type_is_known_while_its_debug_info_is_loaded(
    vmcore: Vmcore, cache: Path
) -> None:
    size = "python from pykdump.sizes import struct_size; print(struct_size('struct pykdump_item'))"
    load = f"pykdump module load pykdump_test --from {vmcore.modules}"
    unload = "pykdump module unload pykdump_test"
    for commands in (size,), (load, size), (size,), (size, load, size, unload, size):
        lines = shown(vmcore, "set pykdump type-cache on", *commands)
        told = [int(line) > 0 for line in lines if re.fullmatch(r"-?\d+", line)]
        asked = [
            load in commands[:number] and unload not in commands[:number]
            for number, command in enumerate(commands)
            if command == size
        ]
        assert told == asked, lines
