# SPDX-License-Identifier: GPL-2.0-or-later
"""Scripts at a terminal: Ctrl-C, the pager, the prompt for Python."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from gdb_run import BUILD, LAUNCHER
from mini_dump import MiniDump
from terminal import Terminal

PROMPT = r"\(gdb\) "


@pytest.fixture()
def terminal(
    panicked: MiniDump, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    monkeypatch.chdir(tmp_path)
    env = {**os.environ, "PYKDUMP_BUILD": str(BUILD), "TERM": "xterm", "INPUTRC": "/dev/null"}
    env.pop("PYKDUMPPATH", None)
    words = [LAUNCHER, "--nx", panicked.vmlinux, panicked.vmcore, "-c", "set confirm off"]
    opened = Terminal(words, env)
    try:
        opened.read_until(PROMPT)
        yield opened
    finally:
        opened.close()


ENDLESS = {
    "tight loop": "while True: pass",
    "sleep": "time.sleep(1000)",
    "catches Exception": "while True:\n    try: time.sleep(0.001)\n    except Exception: pass",
    "catches everything": "while True:\n    try: [x * x for x in range(100)]\n    except: pass",
    "swallows it once": "try: time.sleep(1000)\nexcept KeyboardInterrupt: print('no!')\n"
    "while True: pass",
    "handles it at length": "try: time.sleep(1000)\nfinally: time.sleep(1000)",
    "waits for a child": "import subprocess; subprocess.call(['sleep', '1000'])",
    "waits for a thread": "import threading\nthreading.Event().wait()",
    "asks gdb": "import gdb\nwhile True:\n"
    "    try: gdb.execute('info line schedule', to_string=True)\n    except: pass",
    "walks": "from pykdump import walks, lowlevel\n"
    "from pykdump.errors import PykdumpError\n"
    "while True:\n    try: lowlevel.dump().read(0, 8)\n    except PykdumpError: pass",
    "reads lists": "init = readSymbol('init_task')\nwhile True:\n    try:\n"
    "        for task in readSUListFromHead(Addr(init.tasks), 'tasks', 'struct task_struct'):\n"
    "            task.comm\n    except Exception: pass",
    "turns it into an error": "while True:\n    try: time.sleep(1)\n"
    "    except KeyboardInterrupt: raise_it = 1\n    except BaseException: pass",
}


@pytest.mark.parametrize("what", ENDLESS, ids=lambda what: what.replace(" ", "-"))
def test_ctrl_c_ends_a_script_and_the_session_goes_on(what: str, terminal: Terminal) -> None:
    Path("endless.py").write_text(
        f"pylog.warning('noted')\nprint('star' + 'ted')\nsys.stdout.flush()\n{ENDLESS[what]}\n"
    )
    for _ in range(2):
        terminal.type("pyk-run endless.py\r")
        terminal.read_until("started\n")
        terminal.type("\x03")
        text = terminal.read_until(PROMPT)
        assert len(re.findall(r"^KeyboardInterrupt$", text, re.MULTILINE)) == 1, text
        assert 'File "./endless.py"' in text and "pykdump_gdb" not in text
        assert text.index("KeyboardInterrupt") < text.index("A Summary Of Problems Found")
        assert text.count(" ** Execution took") == 1
        terminal.type("p 6 * 7\r")
        assert re.search(r"\$\d+ = 42\n", terminal.read_until(PROMPT))


def test_the_traceback_of_ctrl_c_is_short(terminal: Terminal) -> None:
    Path("deep.py").write_text(
        "def down(n):\n    if n: down(n - 1)\n"
        "    print('at the ' + 'bottom')\n    time.sleep(1000)\n"
        "down(50)\n"
    )
    terminal.type("pyk-run deep.py\r")
    terminal.read_until("at the bottom\n")
    terminal.type("\x03")
    assert terminal.read_until(PROMPT).count('File "./deep.py"') == 3


def test_a_script_may_clean_up_after_ctrl_c(terminal: Terminal) -> None:
    Path("clean.py").write_text(
        "try:\n    print('wait' + 'ing')\n    time.sleep(1000)\n"
        "except KeyboardInterrupt:\n    print('found so far: 3')\n"
    )
    terminal.type("pyk-run clean.py\r")
    terminal.read_until("waiting\n")
    terminal.type("\x03")
    text = terminal.read_until(PROMPT)
    assert "found so far: 3\n" in text and "Traceback" not in text
    assert text.count(" ** Execution took") == 1


def test_output_is_paged_and_q_ends_the_script_quietly(terminal: Terminal) -> None:
    Path("long.py").write_text(
        "try:\n    for n in range(10**7): print('line', n)\n"
        "except Exception: print('not seen')\n"
    )
    terminal.type("pyk-run long.py\r")
    first = terminal.read_until("--Type <RET>")
    assert "line 0\n" in first and "line 30" not in first
    terminal.read_until("without paging--")
    terminal.type("\r")
    assert "line 30\n" in terminal.read_until("without paging--")
    terminal.type("q\r")
    text = terminal.read_until(PROMPT)
    assert "Traceback" not in text and "not seen" not in text
    terminal.type("p 6 * 7\r")
    assert "= 42" in terminal.read_until(PROMPT)


def test_c_at_the_pager_prints_the_rest(terminal: Terminal) -> None:
    Path("long.py").write_text("for n in range(100): print('line', n)\n")
    terminal.type("pyk-run long.py\r")
    terminal.read_until("without paging--")
    terminal.type("c\r")
    text = terminal.read_until(PROMPT)
    assert "line 99\n" in text and text.count(" ** Execution took") == 1


def test_ctrl_c_while_printing_shows_where(terminal: Terminal) -> None:
    terminal.type("set pagination off\r")
    terminal.read_until(PROMPT)
    Path("print.py").write_text("while True: print('again')\n")
    terminal.type("pyk-run print.py\r")
    terminal.read_until("again\nagain\n")
    terminal.type("\x03")
    text = terminal.read_until(r" \*\* Execution took[^\n]*\n")
    assert "KeyboardInterrupt\n" in text
    terminal.read_until(PROMPT)


def test_scripts_can_ask(terminal: Terminal) -> None:
    Path("ask.py").write_text("answer = input('which? ')\nprint('so it is', answer.upper())\n")
    terminal.type("pyk-run ask.py\r")
    terminal.read_until(r"which\? ")
    terminal.type("this\r")
    assert "so it is THIS\n" in terminal.read_until(PROMPT)


def test_the_python_prompt_shares_the_names_of_scripts_and_completes(terminal: Terminal) -> None:
    Path("leave.py").write_text("class Task:\n    pid, prio = 7, 120\nleft = Task()\n")
    terminal.type("pyk-run leave.py\r")
    terminal.read_until(PROMPT)
    terminal.type("repl\r")
    terminal.read_until(">>> ")
    terminal.type("left.pi\t + 1\r")
    assert "8\n" in terminal.read_until(">>> ")
    terminal.type("while True: pass\r\r")
    terminal.read_until(r"\.\.\. ")
    terminal.type("\x03")
    terminal.read_until("KeyboardInterrupt")
    terminal.read_until(">>> ")
    terminal.type("1/0\r")
    terminal.read_until("ZeroDivisionError")
    terminal.read_until(">>> ")
    terminal.type("\x04")
    terminal.read_until(PROMPT)
    terminal.type("repl\r")
    terminal.read_until(">>> ")
    terminal.type("sys.exit(3)\r")
    terminal.read_until(PROMPT)
    terminal.type("inf\tthr\t\x15p 6 * 7\r")  # GDB completes as before
    assert "= 42" in terminal.read_until(PROMPT)


def test_q_at_the_pager_is_no_exception_at_the_python_prompt(terminal: Terminal) -> None:
    terminal.type("repl\r")
    terminal.read_until(">>> ")
    terminal.type("for n in range(10**4): print('line', n)\r\r")
    terminal.read_until("without paging--")
    terminal.type("q\r")
    assert "Traceback" not in terminal.read_until(">>> ")
    terminal.type("print(6 * 7)\r")
    assert "42\n" in terminal.read_until(">>> ")


SLOW = """# SPDX-License-Identifier: GPL-2.0-or-later
'''Take long.'''
import time
from dataclasses import dataclass
from pykdump.colors import paint
from pykdump.sections import section
from pykdump.tool import Tool

@dataclass(frozen=True)
class Done:
    text: str

def collect(options):
    with section("first part"):
        time.sleep(0.3)
    with section("second part"):
        time.sleep(2)
    return Done("all done")

TOOL = Tool(lambda parser: None, collect, lambda done, options: [paint(done.text, "red")],
            uses_colors=True)
"""


def test_a_tool_of_the_launcher_has_colours_and_says_what_it_is_at(
    panicked: MiniDump, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    env = {**os.environ, "PYKDUMP_BUILD": str(BUILD), "TERM": "xterm", "INPUTRC": "/dev/null"}
    env.pop("NO_COLOR", None)
    env["PYKDUMPPATH"] = str(tmp_path)
    words = [LAUNCHER, "--nx", "--batch", panicked.vmlinux, panicked.vmcore, "-c", "slow"]
    opened = Terminal(words, env, keeps_escapes=True)
    try:
        text = opened.read_until("all done\x1b\\[0m")
    finally:
        opened.close()
    assert "slow: second part ..." in text and "first part" not in text
    # The line is taken away before the output comes.
    assert "\r\x1b[K\x1b[31mall done" in text
