# SPDX-License-Identifier: GPL-2.0-or-later
"""Words, options, pipes and redirects of crash command lines; the page that lists the commands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from crashcmd import run, table, values
from crashcmd.command import Command, Given, Option, text
from pykdump import commands, pipes
from pykdump.errors import CrashError
from pykdump.logging import pylog

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Command(
    "try",
    "[WORD ...]",
    lambda given: text(()),
    options=(Option("-a", ""), Option("-b", ""), Option("-R", "", "REF"), Option("-32", "")),
)


def given(line: str, command: Command = COMMAND) -> Given:
    return command.parse(line)


def test_letters_may_be_together_and_come_behind_words() -> None:
    found = given("1 -ab 2")
    assert found.flags() == ["-a", "-b"] and found.words == ["1", "2"]


@pytest.mark.parametrize("line", ["-R x", "-Rx", "-aRx", "-R=x", "-R 'x'"])
def test_an_option_takes_its_value(line: str) -> None:
    assert given(line).value("-R") == "x" and not given(line).words


def test_numbers_are_words_unless_they_are_options() -> None:
    assert given("-32 -64").flags() == ["-32"] and given("-32 -64").words == ["-64"]


def test_quotes_keep_blanks_and_dashes_end_options() -> None:
    assert given("'a b' -- -a").words == ["a b", "-a"]


@pytest.mark.parametrize("line, word", [("-z", "-z"), ("-az", "-z"), ("--long", "--long")])
def test_an_unknown_option_is_named(line: str, word: str) -> None:
    with pytest.raises(CrashError, match=f"try: there is no option {word} here"):
        given(line)


@pytest.mark.parametrize(
    "line, message",
    [
        ("''", "an empty word means nothing here"),
        ("-R ''", "an empty word means nothing here"),
        ("a" * 5000, "a word of 5000 characters is too long"),
        ("a\0b", "cannot hold a NUL"),
        ("-a=3", "option -a takes nothing behind ="),
        ("-c", "option -c of crash is not here: nobody needs it"),
        ("-bd", "option -d of crash is not here: nobody needs it"),
        ("-panic", "option -panic of crash is not here: a dump can only be read"),
        ("-v x y", "-v takes no words: x y"),
    ],
)
def test_what_means_nothing_is_refused_in_a_sentence(line: str, message: str) -> None:
    command = Command(
        "try",
        "[WORD ...]",
        lambda given: text(()),
        options=(*COMMAND.options, Option("-v", "", alone=True)),
        absent=(("-c -d", "nobody needs it"), ("-panic", "a dump can only be read")),
    )
    with pytest.raises(CrashError, match=re.escape(message)):
        given(line, command)


def test_a_command_without_words_refuses_them() -> None:
    with pytest.raises(CrashError, match="try: it takes no words: a b"):
        given("-a a b", Command("try", "", lambda given: text(()), options=COMMAND.options))


def test_what_was_typed_neither_hides_an_error_nor_steers_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(given: Given) -> object:
        raise given.error(f"{given.words[0]} is nothing")

    monkeypatch.setattr(run, "find", lambda name: Command("try", "WORD", fails))
    for word in ("x" * 4000, "\x1b[31m"):
        with pytest.raises(CrashError) as found:
            list(run.run("try", word))
        message = str(found.value)
        assert message.endswith("is nothing") and len(message) < 120 and message.isprintable()


def test_numbers_have_64_bits() -> None:
    assert values.number("-1") == -1 and values.number("0x10") == 16 and values.number("ff") == 255
    for word in ("1" * 30, "-" + "1" * 30, "f" * 17, "0x" + "f" * 17):
        with pytest.raises(CrashError, match="has more than 64 bits"):
            values.number(word)
    for word in ("", "0x", "\u0663", "nosuch"):
        with pytest.raises(CrashError, match="is no number"):
            values.number(word)


def test_a_missing_value_is_named() -> None:
    with pytest.raises(CrashError, match="option -R needs REF"):
        given("-R")


def test_options_of_an_expression_end_at_its_first_word() -> None:
    raw = Command("p", "WHAT", lambda given: text(()), options=(Option("-x", ""),), is_raw=True)
    assert given("-x a -x", raw).words == ["a", "-x"]


@pytest.mark.parametrize(
    "line, command, shell, file",
    [
        ("ps | grep UN", "ps", "grep UN", ""),
        ("ps -m > /tmp/x", "ps -m", "", "/tmp/x"),
        ("ps | grep a | wc > n", "ps", "grep a | wc > n", ""),
        ("p a->b", "p a->b", "", ""),
        ("p (a | b)", "p (a | b)", "", ""),
        ("p a >= b", "p a >= b", "", ""),
        ("p x[a > b]", "p x[a > b]", "", ""),
        ('search -c "a|b"', 'search -c "a|b"', "", ""),
        ("p a || b", "p a || b", "", ""),
    ],
)
def test_pipes_and_redirects(line: str, command: str, shell: str, file: str) -> None:
    assert pipes.split(line)[:3] == (command, shell, file)


@pytest.mark.parametrize(
    "line, command, source, shell, file",
    [
        ("< in", "", "in", "", ""),
        ("ps -p < in", "ps -p", "in", "", ""),
        ("ps < in | wc", "ps", "in", "wc", ""),
        ("ps < 'my in' > out", "ps", "my in", "", "out"),
        ("p a < b", "p a < b", "", "", ""),
        ("p/x a < b", "p/x a < b", "", "", ""),
        ("eval (1 << 2)", "eval (1 << 2)", "", "", ""),
        ("search -c '< in'", "search -c '< in'", "", "", ""),
        ("!sort < in | wc > n", "!sort < in | wc > n", "", "", ""),
    ],
)
def test_input_from_files(line: str, command: str, source: str, shell: str, file: str) -> None:
    found = pipes.split(line)
    assert (found.command, found.source, found.shell, found.file) == (command, source, shell, file)


def test_lines_of_a_file_are_commands_or_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def echo(rest: str) -> Iterator[str]:
        if rest == "bad":
            raise CrashError("try: bad is bad")
        yield f"got {rest}"

    monkeypatch.setitem(commands._commands, "try", echo)
    words = tmp_path / "words"
    words.write_text("a b\n# no word\n\n// nor this\nbad\nc\n")
    assert list(commands.pieces(f"try -x < {words}")) == ["got -x a b", "got -x bad", "got -x c"]
    assert list(commands.pieces(f"try < {words}")) == ["got a b", "try: bad is bad", "got c"]
    lines = tmp_path / "lines"
    lines.write_text(f"try 1\ntry < {words} | grep c\n< {lines}\nquit\ntry 2\n")
    assert list(commands.pieces(f"< {lines}")) == [
        *("crash> try 1", "got 1"),
        *(f"crash> try < {words} | grep c", "got c"),
        *(f"crash> < {lines}", f"{lines} asks for itself"),
    ]


def test_files_that_hold_no_command_lines_are_refused(tmp_path: Path) -> None:
    (tmp_path / "core").write_bytes(b"\x7fELF\0\0")
    for name, message in (("nosuch", "No such file"), ("core", "no file of command"), ("", "Is a")):
        with pytest.raises(CrashError, match=message):
            list(commands.pieces(f"< {tmp_path}/{name}"))


def test_what_follows_a_pipe_must_be_there() -> None:
    for line in ("ps |", "ps >", "ps >>", "ps <"):
        with pytest.raises(CrashError, match="must follow"):
            pipes.split(line)


@pytest.mark.parametrize("line", ["ps > x | wc", "ps >> x ; bt", "ps > x > y", "ps > x &"])
def test_only_a_name_follows_a_redirect(line: str) -> None:
    with pytest.raises(CrashError, match="only the name of a file"):
        pipes.split(line)
    assert pipes.split("ps > 'a | b'").file == "a | b"


def test_what_is_told_of_damage_goes_into_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ["a row", pipes.Told("ps: damaged"), "another"]
    assert not list(pipes.through(found, pipes.split(f"ps > {tmp_path}/out")))
    assert (tmp_path / "out").read_text() == "a row\nanother\n"
    assert list(pipes.through(found, pipes.split("ps | grep -c row"))) == ["1"]
    assert capsys.readouterr().err == 2 * "ps: damaged\n"


def test_redirects_write_and_append(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for line in (f"x > {out}", f"x >> {out}"):
        assert not list(pipes.through(["ä", "b"], pipes.split(line)))
    assert out.read_text() == "ä\nb\nä\nb\n"
    with pytest.raises(CrashError, match="No such file"):
        list(pipes.through([], pipes.split("x > /nosuch/folder/x")))


def test_lines_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "unknown", run._unknown)
    assert commands.exec_crash_command("!echo a b | cut -c 3") == "b\n"


def test_options_that_are_not_here_are_named_by_help_and_by_the_page() -> None:
    page = (ROOT / "docs" / "tools" / "crash-commands.md").read_text()
    section = page.split("\n## Options that are not here")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (`[^|]*) \|", section, re.M))
    found = {}
    for name in run.names():
        command = run.find(name)
        assert command is not None
        flags = [flag for flags, _ in command.absent for flag in flags.split()]
        assert not set(flags) & {option.flag for option in command.all_options}, name
        if flags:
            found[name] = flags
            assert all(flag in "\n".join(run.help_lines(name)) for flag in flags)
    assert {name: re.findall(r"-\w+", row) for name, row in rows.items()} == found


def test_every_command_is_found_and_documented() -> None:
    page = (ROOT / "docs" / "tools" / "crash-commands.md").read_text()
    listed = set(re.findall(r"`(\*|\w+)`", "\n".join(re.findall(r"^\| (`[^|]*) \|", page, re.M))))
    assert set(table.COMMANDS) <= listed
    for name in table.COMMANDS:
        command = run.find(name)
        assert command is not None and command.name == name
        assert run.summary(name)


def test_options_of_the_page_are_those_of_the_commands() -> None:
    page = (ROOT / "docs" / "tools" / "crash-commands.md").read_text().split("\n## ")[1]
    for names, options in re.findall(r"^\| (`[^|]*) \| ((?:[^|]|\\\|)*) \|", page, re.M):
        listed = set(re.findall(r"(?<![\w-])-\w+", options))
        commands = [run.find(name) for name in re.findall(r"`(\*|\w+)`", names)]
        known = {option.flag for command in commands if command for option in command.all_options}
        if known:
            assert listed <= known, (names, listed - known)
            assert known - listed <= {"--json"}, (names, known - listed)


def test_pieces_of_several_lines_are_the_same_text_as_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def of_pieces(rest: str) -> list[str]:
        return ["a\nb", "", "c"]

    monkeypatch.setitem(commands._commands, "try", of_pieces)
    assert list(commands.lines("try")) == ["a", "b", "", "c"]
    assert commands.exec_crash_command("try") == "a\nb\n\nc\n"
    assert commands.exec_crash_command("try | grep c") == "c\n"
    assert not list(commands.pieces(f"try > {tmp_path}/out"))
    assert (tmp_path / "out").read_text() == "a\nb\n\nc\n"


def test_what_went_to_a_file_is_no_failure_for_scripts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(commands._commands, "try", lambda rest: ["a"])
    monkeypatch.setitem(commands._commands, "silent", lambda rest: [])
    assert commands.exec_crash_command(f"try > {tmp_path}/out") == ""
    assert (tmp_path / "out").read_text() == "a\n"
    with pytest.raises(CrashError, match="^$") as raised:
        commands.exec_crash_command("silent -x")
    assert raised.value.__notes__ == ["silent -x: printed nothing"]


def test_a_word_that_is_no_hexadecimal_number_is_named_as_it_was_given() -> None:
    assert values.hex_number("0x1f") == values.hex_number("1F") == 0x1F
    with pytest.raises(CrashError, match="^zzz is no number"):
        values.hex_number("zzz")


def test_lines_of_pieces_are_records_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command("try", "", lambda given: text(iter(["a\nb", "c"])))
    monkeypatch.setattr(run, "find", lambda name: command)
    found = json.loads("\n".join(run.run("try", "--json")))
    assert found["records"]["lines"] == ["a", "b", "c"]


def test_a_warning_is_told_once_before_what_it_was_met_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def lines(given: Given) -> Iterator[str]:
        for name in ("first", "second"):
            pylog.warning("the list is broken")
            yield name

    command = Command("try", "", lambda given: text(lines(given)))
    monkeypatch.setattr(run, "find", lambda name: command)
    assert list(run.run("try", "")) == ["try: the list is broken", "first", "second"]


def test_raw_commands_take_json_as_the_last_word() -> None:
    command = Command("try", "EXPRESSION", text, is_raw=True, json_last=True)
    for rest in ("1 + 1 --json", "--json 1 + 1"):
        given = command.parse(rest)
        assert "--json" in given and given.words == ["1", "+", "1"]
    # Of one that hands a command line on it is that line's.
    given = Command("try", "COMMAND LINE", text, is_raw=True).parse("ps --json")
    assert "--json" not in given and given.words == ["ps", "--json"]
