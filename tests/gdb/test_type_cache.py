# SPDX-License-Identifier: GPL-2.0-or-later
"""What GDB said of types is kept for the next session, and believed of the same vmlinux only."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path
from zlib import crc32

import pytest
from gdb_run import Run, gdb
from mini_dump import MiniDump, written
from writer.mini import mini_machine

SCRIPT = """
for name in "struct task_struct", "struct list_head", "struct conf_nested", "struct nosuch":
    try:
        print(repr(getStructInfo(name)))
    except TypeError as error:
        print(error)
init = readSymbol("init_task")
init.Dump()
print(whatis("init_task"), whatis("init_task").ti.fullstr(), TypeInfo("struct list_head **"))
for task in readSUListFromHead(Addr(init.tasks), "tasks", "struct task_struct"):
    print(task.pid, task.comm, task.hasField("nosuch"))
print(enumerator_value("nosuch"), struct_size("struct nosuch"), member_offset("struct nosuch", "a"))
print("asked", len(ASKED))
"""

COUNT = """python
import gdb, sys
ASKED = []
def counted(ask):
    def asked(*words, **more):
        ASKED.append(words)
        return ask(*words, **more)
    return asked
for name in "lookup_type", "lookup_global_symbol", "lookup_static_symbol":
    setattr(gdb, name, counted(getattr(gdb, name)))
sys.modules["__main__"].ASKED = ASKED
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the test's sessions keep what they learn."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pykdump" / "types"


def session(dump: MiniDump, tmp_path: Path, *before: str) -> Run:
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "count.gdb").write_text(COUNT + "end\n")
    run = gdb(
        *before,
        f"source {tmp_path}/count.gdb",
        f"target kdump {dump.vmcore}",
        f"pyk-run {tmp_path}/script.py",
        "info threads",
        args=[dump.vmlinux],
    )
    assert "Traceback" not in run.err and "asked" in run.out, run.err
    return run


def asked(run: Run) -> int:
    (line,) = [line for line in run.out.splitlines() if line.startswith("asked")]
    return int(line.split()[1])


def shown(run: Run) -> list[str]:
    return [
        line
        for line in run.out.splitlines()
        if "Execution took" not in line and line[:5] != "asked"
    ]


def test_the_second_session_shows_the_same_and_asks_gdb_for_no_type(
    panicked: MiniDump, folder: Path, tmp_path: Path
) -> None:
    first = session(panicked, tmp_path)
    (file,) = folder.iterdir()
    before = file.stat()
    second = session(panicked, tmp_path)
    assert shown(second) == shown(first)
    assert asked(first) > 5 and asked(second) == 0
    assert file.name == panicked.facts.build_id
    # Nothing was learnt.
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert before.st_mode & 0o777 == 0o600 and folder.stat().st_mode & 0o777 == 0o700


def test_the_setting_turns_it_off(panicked: MiniDump, folder: Path, tmp_path: Path) -> None:
    off = "set pykdump type-cache off"
    first = session(panicked, tmp_path, off)
    assert not folder.exists()
    session(panicked, tmp_path)
    assert asked(session(panicked, tmp_path, off)) == asked(first)
    shown_setting = gdb("show pykdump type-cache").out
    assert "is kept for later sessions: on" in shown_setting


def test_a_file_of_another_build_is_not_believed(
    panicked: MiniDump,
    mini_elf_variant: Path,
    folder: Path,
    tmp_path: Path,
) -> None:
    mini = mini_machine(mini_elf_variant, tasks=5)
    other = written(mini, mini_elf_variant, tmp_path / "vmcore")
    truth = session(other, tmp_path)
    shutil.rmtree(folder)
    session(panicked, tmp_path)
    (file,) = folder.iterdir()
    file.rename(folder / mini.facts.build_id)
    run = session(other, tmp_path)
    assert shown(run) == shown(truth)
    assert asked(run) == asked(truth)


def test_damage_costs_one_sentence_and_the_file_is_made_anew(
    panicked: MiniDump, folder: Path, tmp_path: Path
) -> None:
    first = session(panicked, tmp_path)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    rng = random.Random(7)
    for cut in False, True, False:
        at = rng.randrange(90, len(whole))
        file.write_bytes(whole[:at] + (b"" if cut else bytes([whole[at] ^ 1]) + whole[at + 1 :]))
        run = session(panicked, tmp_path)
        assert shown(run) == shown(first)
        assert [line for line in run.err.splitlines() if "note:" in line] == [
            f"note: {file} is not used, and made anew: it is damaged"
        ]
        assert sorted(file.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_a_false_answer_in_a_whole_file_would_be_seen(
    panicked: MiniDump, folder: Path, tmp_path: Path
) -> None:
    # Shows that the file is what answers come from.
    session(panicked, tmp_path)
    (file,) = folder.iterdir()
    title, _, body = file.read_bytes().partition(b"\n")
    body = body.replace(
        b'type struct list_head\t[3,"struct list_head",16',
        b'type struct list_head\t[3,"struct list_head",18',
    )
    words = title.split(b" ")[:4]
    file.write_bytes(b" ".join([*words, b"%d %08x\n" % (len(body), crc32(body))]) + body)
    assert "size=18" in session(panicked, tmp_path).out


def test_a_vmlinux_without_debug_info_does_not_hide_types_from_the_whole_one(
    panicked: MiniDump, folder: Path, tmp_path: Path
) -> None:
    stripped = tmp_path / "vmlinux"
    subprocess.run(["strip", "-g", "-o", stripped, panicked.vmlinux], check=True)
    bare = gdb(
        f"target kdump {panicked.vmcore}",
        "python print(__import__('pykdump.lowlevel').lowlevel.has_type('struct task_struct'))",
        args=[stripped],
    )
    assert "False" in bare.out
    assert "swapper/0" in session(panicked, tmp_path).out


def test_without_a_build_id_nothing_is_kept(
    panicked: MiniDump, folder: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "vmlinux"
    note = b"\x04\0\0\0\x14\0\0\0%c\0\0\0GNU\0"
    whole = panicked.vmlinux.read_bytes()
    assert whole.count(note % 3) == 1
    bare.write_bytes(whole.replace(note % 3, note % 9))
    run = gdb(
        f"pykdump open --force {panicked.vmcore}", "p init_task.comm", "pykdump status", args=[bare]
    )
    assert "swapper/0" in run.out, run.err
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["file", "link to nowhere"])
def test_a_folder_that_cannot_be_written_is_not_spoken_of(
    panicked: MiniDump, folder: Path, tmp_path: Path, kind: str
) -> None:
    folder.parent.mkdir(parents=True)
    if kind == "file":
        folder.write_text("")
    else:
        folder.symlink_to(tmp_path / "nowhere" / "at all")
    run = session(panicked, tmp_path)
    assert "swapper/0" in run.out
    assert "types" not in run.err


def test_a_disk_that_is_full_is_not_spoken_of(
    panicked: MiniDump, folder: Path, tmp_path: Path
) -> None:
    session(panicked, tmp_path)
    shutil.rmtree(folder)
    full = (
        "python import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    )
    run = gdb(
        f"target kdump {panicked.vmcore}",
        f"shell rm {folder}/*",
        "python from pykdump import lowlevel; lowlevel.sizeof('struct conf_nested')",
        full,
        "pykdump status",
        args=[panicked.vmlinux],
    )
    assert "tasks" in run.out and "types" not in run.err
    assert list(folder.iterdir()) == []


def test_two_sessions_at_once_do_not_harm_each_other(
    panicked: MiniDump, folder: Path, tmp_path: Path
) -> None:
    first = session(panicked, tmp_path)
    whole = next(folder.iterdir()).read_bytes()
    shutil.rmtree(folder)
    nested = gdb(
        f"target kdump {panicked.vmcore}",
        f"shell gdb -nx -batch -x {Path(__file__).parents[2]}/gdb-plugin/pykdump-init.py "
        f"{panicked.vmlinux} -ex 'target kdump {panicked.vmcore}' "
        f"-ex 'pyk-run {tmp_path}/script.py' 2>&1",
        "python from pykdump import lowlevel; lowlevel.sizeof('struct list_head')",
        args=[panicked.vmlinux],
    )
    assert "asked" in nested.out or "NameError" in nested.out
    (file,) = folder.iterdir()
    kept = set(file.read_bytes().splitlines()[1:])
    assert set(whole.splitlines()[1:]) - kept == set() and b"size struct list_head\t16" in kept
    assert shown(session(panicked, tmp_path)) == shown(first)
