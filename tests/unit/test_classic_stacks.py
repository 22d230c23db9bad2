# SPDX-License-Identifier: GPL-2.0-or-later
"""The classic BTstack: text of bt, signatures, groups."""

from __future__ import annotations

import re

import pytest

from LinuxDump.BTstack import bt_mergestacks, bt_summarize, exec_bt

TEXT = """PID: 1      TASK: ffff8881001d8000  CPU: 2   COMMAND: "init"
 #0 [ffffc90000013c68] __schedule at ffffffff81a10e3d
 #1 [ffffc90000013d00] schedule at ffffffff81a1154a
 #2 [ffffc90000013d18] nfs_wait_bit_killable at ffffffffc0686190 [nfs]
    [exception RIP: do_work+16]
    RIP: 0000000000400000  RSP: 00007ffd4e4902d8
 #3 [ffffc90000013d28] page_fault (via async_page_fault) at ffffffff81c00f46

PID: 9      TASK: ffff8881001da0c0  CPU: 0   COMMAND: "dd"
 #0 [ffffc9000001be58] __schedule at ffffffff81a10e3d
 #1 [ffffc9000001beb0] schedule at ffffffff81a1154a
"""


def test_the_text_of_bt_becomes_stacks() -> None:
    init, dd = exec_bt(text=TEXT)
    assert (init.pid, init.addr, init.cpu, init.cmd) == (1, 0xFFFF8881001D8000, 2, "init")
    levels = [(frame.level, frame.func) for frame in init.frames]
    assert levels[2:] == [(2, "nfs_wait_bit_killable"), (-1, "do_work"), (3, "page_fault")]
    assert init.frames[2].module == " [nfs]" and init.frames[0].module is None
    assert init.frames[3].offset == 16 and "RIP: 0000000000400000" in init.frames[3].data[0]
    assert init.frames[4].via == "async_page_fault"
    assert init.frames[0].frame == 0xFFFFC90000013C68 and init.frames[0].addr == 0xFFFFFFFF81A10E3D
    assert dd.getSimpleSignature() == "__schedule/schedule"
    assert sorted([dd, init])[0] is init


def test_hasfunc_tells_frame_and_match() -> None:
    init = exec_bt(text=TEXT)[0]
    assert init.hasfunc("nfs_wait") == (2, "nfs_wait")
    assert init.hasfunc(re.compile("async")) == (4, "async")
    assert init.hasfunc("sched", reverse=True) == (1, "sched")
    assert init.hasfunc("nosuch") is False


def test_text_forms() -> None:
    dd = exec_bt(text=TEXT)[1]
    assert dd.simplerepr() == "  #0   __schedule\n  #1   schedule"
    assert str(dd).startswith("\nPID=9  CPU=0 CMD=dd\n  #0   __schedule+0x0")


def test_equal_stacks_are_merged(capsys: pytest.CaptureFixture[str]) -> None:
    stacks = exec_bt(text=TEXT + TEXT.split("\n\n")[1])
    bt_mergestacks(stacks, verbose=1)
    shown = capsys.readouterr().out
    assert shown.index("------- 2 stacks like that: ----------") < shown.index("------- 1 stacks")
    assert re.search(r"dd +2 times", shown)
    bt_summarize(stacks)
    assert "3 stacks, 2 different ones" in capsys.readouterr().out
    bt_mergestacks(stacks, count=2)
    assert "------- 1 stacks" not in capsys.readouterr().out
