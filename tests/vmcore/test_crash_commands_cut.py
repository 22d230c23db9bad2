# SPDX-License-Identifier: GPL-2.0-or-later
"""crash commands on a dump that was cut short: what is not known is said, not shown as nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from gdb_run import launch

import harness

SCRIPT = """\
import json
answers = {}
for command in json.loads(sys.argv[2]):
    try:
        answers[command] = exec_crash_command(command)
    except crash.error as error:
        answers[command] = "ERROR " + str(error)
with open(sys.argv[1], "w") as file:
    json.dump(answers, file)
"""

COMMANDS = [
    *("kmem -i", "kmem -V", "mod", "lsmod", "mod -t", "sym -m dm_mod", "files 1"),
    *("fuser /dev/null", "bt -a", "foreach active bt", "ipcs"),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory, plugin: None) -> Iterator[dict[str, Any]]:
    """What the commands say of a whole dump, and of the first half of its file."""
    vmcore = harness.get("6.1-panic")
    (original,) = vmcore.forms["zlib"]
    folder = tmp_path_factory.mktemp("cut")
    script, copy = folder / "ask.py", folder / "vmcore"
    script.write_text(SCRIPT)
    with original.open("rb") as file:
        copy.write_bytes(file.read(original.stat().st_size // 2))
    texts = {}
    for name, dump in ("whole", original), ("cut", copy):
        out = folder / f"{name}.json"
        asked = json.dumps(COMMANDS).replace('"', '\\"')
        run = launch(vmcore.vmlinux, dump, "-c", f'pyk-run {script} {out} "{asked}"')
        assert out.exists(), run.out + run.err
        texts[name] = json.loads(out.read_text())
    yield texts
    copy.unlink()


def told(text: str) -> list[str]:
    """The lines that begin with a command's name, without those of all that read tasks."""
    lines = re.findall(r"^[a-z]+: .*$", text, re.MULTILINE)
    return [x for x in lines if not re.search(r"struct rq|list of processes|task_structs", x)]


def plain(text: str) -> list[str]:
    return [x for x in text.splitlines() if not re.match(r"[a-z]+: ", x)]


def test_memory_that_cannot_be_counted_is_unknown(answers: dict[str, Any]) -> None:
    cut, whole = answers["cut"]["kmem -i"], answers["whole"]["kmem -i"]
    assert not told(whole) and "(unknown)" not in whole
    committed, shared = told(cut)
    assert re.search(r"CPU 0's part at 0xffff\w{12} cannot be read", committed)
    assert re.search(r"what is shared is not known: \d+ struct pages", shared)
    changed = [(a, b) for a, b in zip(plain(cut), plain(whole)) if a != b]
    assert len(plain(cut)) == len(plain(whole))
    assert [a.split() for a, _ in changed] == [["SHARED", "(unknown)"], ["COMMITTED", "(unknown)"]]


def test_counters_go_on_without_those_of_cpus(answers: dict[str, Any]) -> None:
    cut, whole = answers["cut"]["kmem -V"], answers["whole"]["kmem -V"]
    (line,) = told(cut)
    assert line.startswith("kmem: VM_EVENT_STATES is not known: ")
    before, after = plain(whole), plain(cut)
    at = before.index("  VM_EVENT_STATES:")
    assert after[: at + 1] == before[: at + 1]
    assert "".join(after[at + 1 :]).split() == ["(unknown)"]


@pytest.mark.parametrize("command", ["mod", "lsmod", "mod -t", "sym -m dm_mod"])
def test_the_list_of_modules_is_told_of_each_time(answers: dict[str, Any], command: str) -> None:
    (line,) = told(answers["cut"][command].replace("ERROR ", ""))[:1]
    assert "the list of modules is broken after 0 " in line
    rest = answers["cut"][command].split(line)[1].strip()
    assert rest in ("", "(unknown)", "sym: dm_mod: no such module among those that can be read")
    assert not told(answers["whole"][command])


def test_paths_whose_mount_is_missing_are_marked(answers: dict[str, Any]) -> None:
    assert re.search(r"^ +0 .* CHR  /dev/null$", answers["whole"]["files 1"], re.MULTILINE)
    assert re.search(r"^ +0 .* CHR  <unreadable>/null$", answers["cut"]["files 1"], re.MULTILINE)
    (line,) = [x for x in told(answers["cut"]["fuser /dev/null"]) if "/dev/null" in x]
    assert line.endswith("could be /dev/null, as <unreadable>/null")
    assert "could be" not in answers["whole"]["fuser /dev/null"]


@pytest.mark.parametrize("command", ["bt -a", "foreach active bt"])
def test_what_ran_on_the_cpus_is_not_known(answers: dict[str, Any], command: str) -> None:
    assert answers["cut"][command].endswith("what ran on the CPUs is not known")
    assert "PID: " in answers["whole"][command]


def test_what_cannot_be_read_is_not_called_unallocated(answers: dict[str, Any]) -> None:
    assert not re.search(r"^\(", answers["whole"]["ipcs"], re.M)
    assert re.findall(r"^\(.*$", answers["cut"]["ipcs"], re.M) == 3 * ["(unknown)"]
