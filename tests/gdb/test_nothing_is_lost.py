# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user had is still there after an error, a signal or a command that makes no sense."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from gdb_run import BUILD, INIT, gdb, launch
from mini_dump import MiniDump


def test_an_open_dump_stays_open_when_the_next_one_is_refused(
    panicked: MiniDump, mini_elf_variant: Path
) -> None:
    run = gdb(
        f"target kdump {panicked.vmcore}",
        "target kdump /etc/passwd",
        f"pykdump open --vmlinux {mini_elf_variant} {panicked.vmcore}",
        "p init_task.comm",
        args=[panicked.vmlinux],
    )
    assert "not a kernel dump" in run.err and "does not match the dump" in run.err
    assert "swapper/0" in run.out


@pytest.mark.parametrize("command", ["break start_kernel", "continue", "c", "stepi", "finish"])
def test_nothing_runs_in_a_dump(command: str, panicked: MiniDump) -> None:
    run = gdb(f"target kdump {panicked.vmcore}", command, args=[panicked.vmlinux])
    assert re.fullmatch("this is a crash dump: nothing runs in it.*\n", run.err), run
    assert not re.search(r"^(Breakpoint|Thread) ", run.out, re.MULTILINE)


def test_breakpoints_are_the_users_own_business_without_a_dump(panicked: MiniDump) -> None:
    run = gdb("break init_task_function_that_is_not", args=[panicked.vmlinux])
    assert "crash dump" not in run.out + run.err


def test_a_pipe_in_place_of_a_dump_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    run = launch(tmp_path / "pipe")
    assert run.status != 0 and "not a file that can be read by position" in run.err


def test_a_file_that_becomes_shorter_is_said_and_frames_stay_quiet(
    panicked: MiniDump, tmp_path: Path
) -> None:
    copy = tmp_path / "vmcore"
    copy.write_bytes(panicked.vmcore.read_bytes())
    run = gdb(
        f"target kdump {copy}",
        f"python import os; os.truncate({str(copy)!r}, 8192)",
        "pykdump status",
        "thread apply all -s -q bt 1",
        args=[panicked.vmlinux],
    )
    assert "became shorter since it was opened: 8192 of" in run.out
    assert "Python Exception" not in run.out + run.err, run


def test_a_sigterm_at_the_prompt_ends_gdb_and_leaves_no_file(
    panicked: MiniDump, tmp_path: Path
) -> None:
    master, slave = pty.openpty()
    words = ["gdb", "-nx", "-q", "-x", str(INIT), str(panicked.vmlinux)]
    words += ["-ex", f"target kdump {panicked.vmcore}"]
    environ = {**os.environ, "TMPDIR": str(tmp_path), "PYKDUMP_BUILD": str(BUILD)}
    process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=environ)
    os.close(slave)
    seen = _until(master, b"(gdb) ")
    process.send_signal(signal.SIGTERM)
    seen += _until(master, b"internal-error", process)
    process.wait(60)
    os.close(master)
    assert b"internal-error" not in seen and b"Python Exception" not in seen, seen
    assert not list(tmp_path.iterdir())


def _until(master: int, text: bytes, process: subprocess.Popen[bytes] | None = None) -> bytes:
    # What is shown until this text comes, the process ends, or a minute is over.
    seen, ends = b"", time.monotonic() + 60
    while text not in seen and time.monotonic() < ends:
        if select.select([master], [], [], 0.2)[0]:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
        elif process is not None and process.poll() is not None:
            break
    return seen
