# SPDX-License-Identifier: GPL-2.0-or-later
"""hanginfo's text on records made by hand."""

from __future__ import annotations

from dataclasses import replace

from LinuxDump.hangs import classes, text
from LinuxDump.hangs.collect import Holder, Wait
from LinuxDump.hangs.graph import Graph, Link, Node
from LinuxDump.hangs.report import Activity, Chain, HangReport, Step
from LinuxDump.hangs.sleepers import bare, is_scheduler, waits_at
from LinuxDump.hangs.unix_sockets import SocketReport

S = 10**9


def wait(pid: int, kind: str = "mutex", age_s: int = 10, state: str = "D", **more: object) -> Wait:
    made = Wait(
        *(0x1000 + pid, pid, pid, f"t{pid}", state, 0, age_s * S, "__mutex_lock", "f", kind),
        *(0xA0, "mutex 0xa0 (rtnl_mutex)", "lock", False, "", "mutex 0xa0", False),
    )
    return replace(made, **more)  # type: ignore[arg-type]


EMPTY = HangReport((), (), (), (), (), (), (), (), (), (), False, (), ())


def lines(report: HangReport, **look: int) -> list[str]:
    return list(text.lines(report, text.Look(**look)))  # type: ignore[arg-type]


def row(pid: int, age_ms: int) -> classes.TaskRow:
    return classes.TaskRow(pid, f"t{pid}", 1, age_ms * 1_000_000, "D")


def test_nothing_blocked_is_one_line() -> None:
    assert lines(EMPTY) == ["", "There are no UNINTERRUPTIBLE tasks"]


def test_a_pid_block_has_the_youngest_first() -> None:
    rows = [row(3310, 61003), row(2204, 190877), row(918, 70000), row(4471, 80000)]
    assert list(text.pid_block(rows, text.Look())) == [
        "    ... 4 pids. Youngest,oldest: 3310, 2204  Ran ms ago: 61003, 190877",
        "        sorted by ran_ago, youngest first",
        "      [3310, 918, 4471, 2204]",
    ]


def test_a_long_pid_block_keeps_half_young_half_old() -> None:
    rows = [row(pid, pid) for pid in range(1, 31)]
    assert list(text.pid_block(rows, text.Look(max_pids=4)))[2:] == [
        "        printing 4 out of 30",
        "      [1, 2 <26 skipped> 29, 30]",
    ]
    (last,) = list(text.pid_block(rows[:3], text.Look(sort_by_pid=True)))[2:]
    assert last == "      [1, 2, 3]"


def test_a_verbose_pid_block_is_a_table() -> None:
    found = list(text.pid_block([row(7, 12)], text.Look(verbose=1)))
    assert found[2].split() == ["PID", "CMD", "CPU", "Ran", "ms", "ago", "STATE"]
    assert found[3].split() == ["7", "t7", "1", "12", "D"]


def test_mutexes_have_their_owner_or_none() -> None:
    holder = Holder(0x9, 9, "t9", "held by", False, "its owner")
    other = {"text": "mutex 0xb0 (b)", "object_addr": 0xB0, "node": "mutex 0xb0"}
    waits = (wait(1, holders=(holder,)), wait(2, holders=(holder,)), wait(3, **other))
    found = replace(EMPTY, waits=waits, classes=tuple(classes.classify(waits, Graph([], []))))
    shown = lines(found)
    assert " ==================== Waiting on mutexes ====================" in shown
    (title,) = [line for line in shown if "Waiting on mutexes" in line]
    assert len(title) == 61
    at = shown.index("  -- <struct mutex 0xa0> rtnl_mutex")
    assert shown[at + 1] == "   Owner: pid=9 cmd=t9"
    at = shown.index("  -- <struct mutex 0xb0> b")
    assert shown[at + 1] == "   No Owner"


def test_a_class_takes_its_threads_away_from_later_ones() -> None:
    waits = (wait(1, in_io=True), wait(2), wait(3, "sleep"), wait(4, "unknown"))
    found = list(classes.classify(waits, Graph([], [])))
    assert [(c.title, [t.pid for p in c.parts for t in p.tasks]) for c in found] == [
        ("Waiting in io_schedule", [1]),
        ("Waiting on mutexes", [2]),
        ("Waiting in schedule_timeout", [3]),
    ]
    assert [w.pid for w in classes.unclassified(waits)] == [4]


def test_a_blocker_is_one_line_with_what_is_inferred_below() -> None:
    nodes = (
        Node("a", "mutex", 1, "mutex a"),
        Node("task 9", "task", 9, 'pid 9 "t9"', 181 * S, 9, "D"),
        Node("r", "request", 5, "READ of sdb", 181 * S),
    )
    steps = (
        Step("a", "mutex", 1, "mutex a", "", False, ""),
        Step("task 9", "task", 9, 'pid 9 "t9"', "held by", True, "on its stack"),
        Step("r", "request", 5, "READ of sdb", "waits for", False, ""),
    )
    chain = Chain(1, (9,), 182 * S, 1, True, steps)
    found = replace(EMPTY, blockers=(chain,), nodes=nodes, links=())
    shown = lines(found)
    expected = '   1 thread, longest 182 s <- mutex a <- pid 9 "t9" D 181 s? <- READ of sdb, 181 s'
    assert expected in shown
    assert '        ? inferred, held by pid 9 "t9": on its stack' in shown


def test_the_first_line_counts_the_stuck_and_the_next_tell_the_deadlock() -> None:
    nodes = (
        *(Node("t1", "task", 1, 'pid 1 "t1"', S, 1, "D"), Node("a", "mutex", 0xA, "mutex a")),
        Node("t2", "task", 2, 'pid 2 "t2"', 5 * S, 2, "D"),
    )
    links = (Link("t1", "a", "waits to lock"), Link("a", "t1", "held by"), Link("t2", "a", "waits"))
    steps = (
        Step("t1", "task", 1, 'pid 1 "t1"', "", False, ""),
        Step("a", "mutex", 10, "a", "waits to lock", False, ""),
        Step("t1", "task", 1, 'pid 1 "t1"', "held by", False, ""),
    )
    cycle = Chain(1, (1,), 5 * S, 1, False, steps, is_cycle=True, behind=(2,))
    waits = (wait(1), wait(2), wait(3, "sleep", node=""), wait(4, node=""), wait(5))
    found = replace(EMPTY, waits=waits, cycles=(cycle,), nodes=nodes, links=links)
    shown = lines(found)
    assert shown[1] == (
        " 5 threads in state D, the longest for 10.0 s: 2 in a deadlock or behind one, 1 behind "
        "what is told below, 1 asleep for a time or not started, 1 behind what is not known"
    )
    assert shown[3] == " *** DEADLOCK of 1 thread, 1 more stuck behind ***"
    assert 'pid 2 "t2" D 5.0 s' in " ".join(shown)
    guess = replace(cycle, inferred=True, behind=())
    assert " *** Possible DEADLOCK of 1 thread ***" in lines(replace(found, cycles=(guess,)))


def test_the_end_of_a_chain_says_what_it_does_or_that_nobody_is_known() -> None:
    nodes = (
        Node("t9", "task", 9, 'pid 9 "t9"', S, 9, "S"),
        Node("s", "semaphore", 5, "semaphore s"),
    )
    holder = Step("t9", "task", 9, 'pid 9 "t9"', "", False, "", "in nap() < work()")
    ends = (Chain(1, (1,), S, 1, False, (holder,)),)
    ends += (
        Chain(1, (1,), S, 1, False, (Step("s", "semaphore", 5, "semaphore s", "", False, ""),)),
    )
    shown = " ".join(lines(replace(EMPTY, blockers=ends, nodes=nodes)))
    assert 'pid 9 "t9" S 1.0 s, in nap() < work()' in shown
    assert "semaphore s: its holder is not kept" in shown


def test_sleepers_behind_nobody_are_counted_by_kind() -> None:
    kinds = ("futex", "futex", "sysv_message")
    waits = tuple(wait(pid, kind, state="S") for pid, kind in enumerate(kinds, 1))
    (line,) = [line for line in lines(replace(EMPTY, waits=waits)) if "nobody" in line]
    assert line == (
        " 3 threads in interruptible sleep, behind nobody known: futex 2, sysv message 1 (pid 3)"
    )


def test_many_waiters_in_a_tree_are_one_line() -> None:
    tasks = [Node(f"t{pid}", "task", pid, f"pid {pid}", S, pid, "D") for pid in range(1, 6)]
    nodes = (Node("a", "mutex", 1, "mutex a"), *tasks)
    links = tuple(Link(task.key, "a", "waits to lock") for task in tasks)
    step = Step("a", "mutex", 1, "mutex a", "", False, "")
    chain = Chain(5, (1, 2, 3, 4, 5), S, 5, False, (step,))
    found = replace(EMPTY, blockers=(chain,), nodes=nodes, links=links)
    assert any("5 threads: 1 2 3 4 5" in line for line in lines(found))


def test_activities_owners_and_sockets_are_shown() -> None:
    found = replace(
        EMPTY,
        activities=(Activity("shrinking zone", {"D": 2, "R": 1}, (1, 2, 3)),),
        owners=(classes.Owner(row(9, 5), True, ("f", "g"), (1, 2)),),
        sockets=(SocketReport(0xABC, "/dev/log", row(8, 6000), (1, 2)),),
        system=("disk sdb: 2 waiting",),
    )
    shown = lines(found)
    assert " There are 3 threads shrinking zone  (D 2, R 1)" in shown
    assert "  PID=9  CPU=1  CMD=t9  D  (inferred)" in shown
    assert "    ... waiting for it: {1, 2}" in shown
    assert " -- Socket we wait for: <struct unix_sock 0xabc> /dev/log" in shown
    assert "    Youngest owner: pid=8 cmd=t8 state=D ran 6000 ms ago" in shown
    assert "   disk sdb: 2 waiting" in shown


def test_ages_are_short() -> None:
    assert [text.seconds(ns) for ns in (None, 1_234_000_000, 182 * S)] == ["?", "1.2 s", "182 s"]


def test_the_scheduler_is_not_where_a_task_waits() -> None:
    names = ["__schedule", "schedule", "schedule_timeout", "io_schedule_timeout", "f", "schedule"]
    assert waits_at(names) == 4
    assert not is_scheduler("schedule_console_callback") and is_scheduler("io_schedule")
    assert bare("__mutex_lock.constprop.0") == "__mutex_lock"
