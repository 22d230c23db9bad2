# SPDX-License-Identifier: GPL-2.0-or-later
"""pylog: what is printed at once, and what the summary repeats."""

from __future__ import annotations

import pytest

from pykdump.logging import PyLog, pylog


@pytest.fixture(autouse=True)
def clean() -> None:
    pylog.cleanup()


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_warning_is_printed_now_and_once_in_the_summary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pylog.warning("a", 1)
    assert printed(capsys) == ["+++WARNING+++ a 1"]
    pylog.warning("a", 1)
    PyLog().onexit()
    title = " A list of all +++WARNING+++ messages "
    lines = printed(capsys)
    assert lines == [
        "",
        "*" * 78,
        lines[2],
        "*" * 78,
        title.center(78, "-"),
        "    a 1",
        "-" * 78,
    ]
    assert lines[2].strip("*") == " A Summary Of Problems Found " and len(lines[2]) == 78


def test_keywords_are_those_of_print(capsys: pytest.CaptureFixture[str]) -> None:
    pylog.error("a", "b", sep="-", end="!\n")
    assert printed(capsys) == ["+++ERROR+++ a-b!"]


def test_messages_for_the_end_are_not_printed_before(capsys: pytest.CaptureFixture[str]) -> None:
    pylog.warning_onexit("late")
    pylog.info("by the way")
    assert printed(capsys) == []
    pylog.onexit()
    lines = printed(capsys)
    assert "    late" in lines
    assert lines[-3:] == [" Additional Info ".center(78, "~"), "by the way", "~" * 78]


def test_info_alone_makes_no_list_of_problems(capsys: pytest.CaptureFixture[str]) -> None:
    pylog.info("only this")
    pylog.onexit()
    assert not any("Problems" in line for line in printed(capsys))


def test_timeouts_have_a_block_of_their_own_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    pylog.timeout("<foreach bt> was stopped")
    assert printed(capsys) == ["+++WARNING+++ <foreach bt> was stopped"]
    pylog.onexit()
    lines = printed(capsys)
    assert "    <foreach bt> was stopped" in lines and any("--timeout=N" in line for line in lines)
    assert not any("list of all" in line for line in lines)


def test_a_silent_message_is_kept_until_it_is_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    pylog.silent("hidden")
    assert pylog.getsilent() == "hidden" and pylog.getsilent() is None
    pylog.silenterror("unseen")
    assert printed(capsys) == []
    pylog.silent("cause")
    pylog.silenterror("cannot go on:")
    assert printed(capsys) == ["+++ERROR+++ cannot go on: cause"]
    assert pylog.problems() == ["cannot go on: cause"]


def test_cleanup_forgets_everything(capsys: pytest.CaptureFixture[str]) -> None:
    for note in (pylog.warning, pylog.error, pylog.info, pylog.timeout, pylog.silent):
        note("x")
    pylog.cleanup()
    printed(capsys)
    pylog.onexit()
    assert printed(capsys) == [] and pylog.getsilent() is None


def test_with_debug_a_warning_says_where_it_arose(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PyLog, "with_stacks", True)
    pylog.warning("here")
    assert "test_with_debug_a_warning_says_where_it_arose" in capsys.readouterr().out
