# SPDX-License-Identifier: GPL-2.0-or-later
"""crash commands on a dump that was cut short: what is not known is said, not shown as nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

import harness
from crash_texts import asked

COMMANDS = [
    *("kmem -i", "kmem -V", "mod", "lsmod", "mod -t", "sym -m dm_mod", "files 1"),
    *("fuser /dev/null", "bt -a", "foreach active bt", "ipcs"),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory, plugin: None) -> Iterator[dict[str, Any]]:
    """What the commands say of a whole dump, and of the first half of its file."""
    vmcore = harness.get("6.1-panic")
    (original,) = vmcore.forms["zlib"]
    copy = tmp_path_factory.mktemp("cut") / "vmcore"
    with original.open("rb") as file:
        copy.write_bytes(file.read(original.stat().st_size // 2))
    texts = {
        name: asked(vmcore.vmlinux, [dump], COMMANDS)
        for name, dump in (("whole", original), ("cut", copy))
    }
    yield texts
    copy.unlink()


def told(text: str) -> list[str]:
    """The lines that begin with a command's name."""
    return re.findall(r"^(?:ERROR )?([a-z]+: .*)$", text, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_missing_is_said(answers: dict[str, Any], command: str) -> None:
    # Which structs lie behind the cut differs from guest to guest.
    cut, whole = answers["cut"][command], answers["whole"][command]
    assert not told(whole) and "(unknown)" not in whole and "<unreadable>" not in whole
    rows = [x for x in cut.splitlines() if x not in told(cut)]
    if rows != whole.splitlines():
        assert told(cut) and "Traceback" not in cut


def test_memory_that_cannot_be_counted_is_no_other_number(answers: dict[str, Any]) -> None:
    cut, whole = answers["cut"]["kmem -i"], answers["whole"]["kmem -i"]
    rows = [x for x in cut.splitlines() if x not in told(cut)]
    changed = [a for a, b in zip(rows, whole.splitlines(), strict=True) if a != b]
    assert all(row.split()[1] == "(unknown)" for row in changed), changed


def test_no_path_loses_its_beginning(answers: dict[str, Any]) -> None:
    before, after = (
        dict(re.findall(r"^ +(\d+) .* (\S+)$", answers[name]["files 1"], re.MULTILINE))
        for name in ("whole", "cut")
    )
    assert before and set(after) <= set(before)
    changed = {fd: path for fd, path in after.items() if before.get(fd) != path}
    assert all(path.startswith("<unreadable>") for path in changed.values()), changed


# The areas of the CPUs lie at the end of memory.


def test_counters_go_on_without_those_of_cpus(answers: dict[str, Any]) -> None:
    before, after = (answers[name]["kmem -V"].splitlines() for name in ("whole", "cut"))
    after = [x for x in after if not x.startswith("kmem: ")]
    at = before.index("  VM_EVENT_STATES:")
    assert after[: at + 1] == before[: at + 1]
    assert "".join(after[at + 1 :]).split() == ["(unknown)"]


@pytest.mark.parametrize("command", ["bt -a", "foreach active bt"])
def test_what_ran_on_the_cpus_is_not_known(answers: dict[str, Any], command: str) -> None:
    assert answers["cut"][command].endswith("what ran on the CPUs is not known")
    assert "PID: " in answers["whole"][command]


@pytest.mark.parametrize("command", ["ipcs", "mod -t"])
def test_what_cannot_be_read_is_not_called_none(answers: dict[str, Any], command: str) -> None:
    nothing = r"none allocated|no tainted"
    assert not re.search(nothing, answers["whole"][command] + answers["cut"][command])
