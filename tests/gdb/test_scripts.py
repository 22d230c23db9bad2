# SPDX-License-Identifier: GPL-2.0-or-later
"""Running scripts as their users wrote them: what they may count on, and how they end."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from gdb_run import Run, launch
from mini_dump import MiniDump

TIMES = re.compile(r"^ \*\* Execution took +\d+\.\d\ds \(real\) +\d+\.\d\ds \(CPU\)", re.MULTILINE)

Write = Callable[[str, str], Path]


@pytest.fixture()
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a script into the current folder of GDB."""
    monkeypatch.chdir(tmp_path)

    def write_script(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(textwrap.dedent(text))
        return path

    return write_script


def run(dump: MiniDump, *commands: str, **env: str) -> Run:
    words = [word for command in commands for word in ("-c", command)]
    return launch(dump.vmlinux, dump.vmcore, *words, env=env)


def printed(run: Run) -> list[str]:
    """Lines of the scripts, without what stands around them."""
    kept = []
    for line in run.out.splitlines()[2:]:
        if line and not TIMES.match(line) and not line.startswith(("**", "oo", " /")):
            kept.append(line)
    return kept


def still_usable(dump: MiniDump, script: str, **env: str) -> Run:
    """Runs a bad script, and then a good one that must see nothing of it."""
    Path("after.py").write_text(
        "import os, sys, threading\n"
        "print('after', os.getcwd(), sys.argv[0], sys.stdout.fileno(), sys.stdin.closed)\n"
        "print(sys.excepthook is sys.__excepthook__, sys.gettrace(), sys.getrecursionlimit())\n"
        "print(sys.stdout.write('written\\n'))\n"
    )
    result = run(dump, script, "pyk-run after.py", "p 6 * 7", **env)
    assert f"after {os.getcwd()} ./after.py 1 False\nTrue None 1000\nwritten\n8\n" in result.out
    assert "$1 = 42" in result.out and "rror internal to GDB" not in result.err
    return result


# --- the namespace


def test_a_script_without_any_import_has_the_api(panicked: MiniDump, write: Write) -> None:
    write(
        "bare.py",
        """\
        for name in ("CDefine", "sys", "string", "re", "os", "time", "crash", "pylog", "long"):
            print(name, type(globals()[name]).__name__)
        print(issubclass(crash.error, Exception), hexl(long(16)), string.digits)
        """,
    )
    lines = printed(run(panicked, "epython bare.py"))
    assert lines[0] == "CDefine type" and lines[1] == "sys module"
    assert lines[-1] == "True 0x10 0123456789"


def test_runs_share_main_and_nothing_of_sys_path(panicked: MiniDump, write: Write) -> None:
    write("one/helper_of_one.py", "value = 5\n")
    write("one/other_of_one.py", "")
    write(
        "one/first.py",
        """\
        import helper_of_one
        left_behind = helper_of_one.value
        sys.path.append("/nowhere")
        print(__name__, __file__, sys.path[0])
        """,
    )
    write(
        "second.py",
        """\
        print(left_behind, "/nowhere" in sys.path, __file__)
        import helper_of_one
        try:
            import other_of_one
        except ImportError as error:
            print(error)
        """,
    )
    result = run(panicked, "pyk-run one/first.py", "pyk-run second.py", "python print(__file__)")
    assert printed(result) == [
        f"__main__ one/first.py {os.getcwd()}/one",
        "5 False ./second.py",
        "No module named 'other_of_one'",
    ]
    assert "name '__file__' is not defined" in result.err


def test_argv_is_without_the_common_options(panicked: MiniDump, write: Write) -> None:
    write("argv.py", "print(sys.argv[1:], sys.__oldargv[1:], API_options.debug)\n")
    lines = printed(
        run(panicked, "pyk-run argv.py --maxel 5 -x --timeout=3 y --max 7 'a b' --debug 1")
    )
    assert lines[-1] == (
        "['-x', 'y', '--max', '7', 'a b'] ['--maxel', '5', '-x', '--timeout=3', 'y', '--max', "
        "'7', 'a b', '--debug', '1'] 1"
    )
    assert run(panicked, "pyk-run argv.py").out.count("[] [] 0") == 1


def test_a_wrong_common_option_is_told(panicked: MiniDump, write: Write) -> None:
    write("argv.py", "print('not reached')\n")
    out = run(panicked, "pyk-run argv.py --maxel many").out
    assert "--maxel needs a number: many" in out and "not reached" not in out


def test_argv_0_keeps_symbolic_links(panicked: MiniDump, write: Write) -> None:
    write("real/tool.py", "print(sys.argv[0], os.path.basename(os.path.realpath(sys.argv[0])))\n")
    os.symlink("real/tool.py", "alias")
    assert printed(run(panicked, "pyk-run alias")) == ["./alias tool.py"]


def test_hooks_surround_each_script(panicked: MiniDump, write: Write) -> None:
    write("hooks.py", "print(callable(sys.enterepython), callable(sys.exitepython))\n")
    write("left.py", "DCache.tmp.x = 1; DCache.perm.x = 2; pylog.warning('first')\n")
    write("seen.py", "print(DCache.tmp.x, DCache.perm.x)\n")
    result = run(panicked, "epython hooks.py", "epython left.py", "epython seen.py")
    assert "True True\n" in result.out and "None 2\n" in result.out
    assert result.out.count("list of all +++WARNING+++") == 1


def test_output_begins_with_a_banner_in_files_only(panicked: MiniDump, write: Write) -> None:
    write("say.py", "print('hello')\n")
    result = run(panicked, "epython say.py -a 'b c' --ofile out.txt", "epython say.py")
    lines = Path("out.txt").read_text().splitlines()
    title = next(line for line in lines if line.strip("*"))
    assert title == ' say.py -a "b c" '.center(60, "*")
    dump = lines[lines.index(title) + 1]
    assert dump.startswith("o") or len(dump) >= 77
    assert str(panicked.vmcore) in dump and "(" in dump
    assert "hello" in lines and TIMES.search("\n".join(lines))
    assert "****" not in result.out and result.out.count("hello") == 1


# --- how a script ends


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", ""),
        ("sys.exit()", ""),
        ("sys.exit(0)", ""),
        ("sys.exit(None)", ""),
        ("sys.exit(3)", " -- sys.exit(3) --\n"),
        ("sys.exit('no such thing')", "no such thing\n"),
        ("1/0", "ZeroDivisionError: division by zero\n"),
        ("try: 1/0\nexcept: sys.exit(4)", " -- sys.exit(4) --\n"),
        ("raise BrokenPipeError", ""),
        ("OptionParser().parse_args(['--nosuch'])", "no such option: --nosuch"),
        ("OptionParser().parse_args(['-h'])", "show this help message"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt\n"),
    ],
)
def test_the_times_come_once_however_a_script_ends(
    text: str, seen: str, panicked: MiniDump, write: Write
) -> None:
    path = write("end.py", f"pylog.warning('noted')\n{text}\n")
    result = run(panicked, f"pyk-run {path}")
    quiet = "BrokenPipe" in text
    failed = seen != "" and "'-h'" not in text
    assert result.status == int(failed)
    assert len(TIMES.findall(result.out)) == (0 if quiet else 1)
    assert seen in result.out + result.err
    assert "internal" not in result.err
    if not quiet:
        assert result.out.index("A Summary Of Problems") < result.out.index(" ** Execution took")
        assert "\n\n ** Execution took" in result.out
    if not seen:
        assert result.err == ""
        assert not quiet or "sys.exit" not in result.out


def test_a_traceback_begins_in_the_script_and_names_its_file(
    panicked: MiniDump, write: Write
) -> None:
    path = write(
        "fail.py", "#!/usr/bin/python2\n# -*- coding: latin-1 -*-\ndef f():\n    nosuch\nf()"
    )
    err = run(panicked, f"pyk-run {path}").err
    assert err.splitlines()[:3] == [
        "Traceback (most recent call last):",
        f'  File "{path}", line 5, in <module>',
        "    f()",
    ]
    assert "NameError: name 'nosuch' is not defined" in err and "pykdump_gdb" not in err


def test_python_2_is_a_syntax_error_with_its_line(panicked: MiniDump, write: Write) -> None:
    write("old.py", "import os\nprint 'hello'\n")
    result = still_usable(panicked, "pyk-run old.py")
    assert 'File "./old.py", line 2' in result.err and "SyntaxError" in result.err
    assert "pykdump_gdb" not in result.err


# --- finding scripts


def test_scripts_are_searched_here_then_in_the_path_then_among_the_tools(
    panicked: MiniDump, write: Write
) -> None:
    for folder in ("a", "b", "."):
        write(f"{folder}/where.py", f"print('in {folder}', sys.argv[0])\n")
    write("b/log.py", "print('own log')\n")
    write("a/noext", "print('no extension')\n")
    path = f"{os.getcwd()}/a:{os.getcwd()}/b"

    def out(command: str) -> list[str]:
        return printed(run(panicked, command, PYKDUMPPATH=path))

    assert out("epython where") == ["in . ./where.py"]
    os.unlink("where.py")
    assert out("epython where") == [f"in a {os.getcwd()}/a/where.py"]
    assert out("epython where.py") == [f"in a {os.getcwd()}/a/where.py"]
    assert out("epython noext") == ["no extension"]
    assert out("epython log.py") == ["own log"]
    assert out("epython b/where.py") == ["in b b/where.py"]
    missing = run(panicked, "epython nosuch.py", "p 1", PYKDUMPPATH=path)
    assert missing.err == "there is no script nosuch.py; see: help pyk-run\n"
    assert "$1 = 1" in missing.out
    told = out("epython -d 1 where")
    assert told[0] == "trying ./where" and told[-2] == f"trying {os.getcwd()}/a/where.py"


def test_what_lies_in_the_current_folder_replaces_no_module_of_python(
    panicked: MiniDump, write: Write
) -> None:
    write("colorsys.py", "raise SystemExit('hijacked')\n")
    write("beside.py", "value = 1\n")
    write("own/script.py", "import colorsys, beside; print('imported', beside.value)\n")
    assert printed(run(panicked, "pyk-run own/script.py")) == ["imported 1"]


def test_epython_tells_of_itself(panicked: MiniDump, write: Write) -> None:
    result = run(panicked, "epython -p", "epython -v", "epython --help", "epython --ehelp")
    assert re.search(r"^Python 3\.", result.out, re.MULTILINE)
    paths = next(line for line in result.out.splitlines() if line.startswith("["))
    assert "." in eval(paths)
    assert "Usage: epython [OPTIONS] SCRIPT" in result.out and "--usens PID" in result.out
    assert "crash module 3.2.1" in result.out and not TIMES.search(result.out)
    assert "no script is given" in run(panicked, "epython").err


def test_a_module_is_run_with_its_arguments(panicked: MiniDump, write: Write) -> None:
    write("far/work.py", "import sys\ntotal = sum(range(1000))\nprint('worked', sys.argv[1:])\n")
    result = run(panicked, "epython -m cProfile work -x", PYKDUMPPATH=f"{os.getcwd()}/far")
    assert "worked ['-x']" in result.out and "function calls" in result.out
    assert len(TIMES.findall(result.out)) == 1


def test_a_tool_runs_as_a_script_and_a_copy_of_it_is_preferred(
    panicked: MiniDump, write: Write
) -> None:
    tool = """\
        '''Says where it is.'''
        import argparse
        from pykdump.logging import pylog
        from pykdump.tool import Tool

        def collect(options):
            pylog.warning("one")
            return {"where": "WHERE"}

        def render(record, options):
            yield record["where"]

        TOOL = Tool(lambda parser: None, collect, render)
        """
    write("path/mine.py", tool.replace("WHERE", "in the path"))
    result = run(panicked, "epython mine", PYKDUMPPATH=f"{os.getcwd()}/path")
    assert "in the path\n" in result.out and len(TIMES.findall(result.out)) == 1
    assert result.out.count("list of all +++WARNING+++") == 1
    write("mine.py", tool.replace("WHERE", "here"))
    result = run(panicked, "epython mine.py", "pykdump mine", PYKDUMPPATH=f"{os.getcwd()}/path")
    assert re.findall(r"^(?:here|in the path)$", result.out, re.MULTILINE) == [
        "here",
        "in the path",
    ]
    assert "--nosuch" in run(panicked, "epython ./mine.py --nosuch").err


# --- where output goes


def test_output_is_piped_logged_and_redirected(panicked: MiniDump, write: Write) -> None:
    write("say.py", "print('line 1')\nprint('line 2', sys.argv[1:])\n")
    write(
        "both.py",
        "sys.stdout.buffer.write(b'bytes\\n'); sys.stdout.flush(); os.system('echo system')\n",
    )
    result = run(
        panicked,
        "pipe pyk-run say.py | grep -c line",
        "epython say.py 'a | b' | sed -n 's/line 2/piped/p'",
        "epython say.py 'x > y' > out.txt",
        "pyk-run both.py",
    )
    assert "2\n" in result.out and "piped ['a | b']\n" in result.out
    assert "line 2 ['x > y']\n" in Path("out.txt").read_text()
    assert result.out.index("bytes\n") < result.out.index("system\n")
    logged = run(
        panicked,
        "set logging file log.txt",
        "set logging redirect on",
        "set logging enabled on",
        "pyk-run say.py",
        "set logging enabled off",
    )
    assert "line 1\nline 2 []\n" in Path("log.txt").read_text() and "line 1" not in logged.out


def test_a_line_is_printed_when_it_ends_and_before_what_goes_to_stderr(
    panicked: MiniDump, write: Write
) -> None:
    write(
        "order.py",
        """\
        import sys
        print("one", 1, end="")
        print(" first", file=sys.stderr, end="")
        print("two", end="")
        gdb.execute("echo three")
        print("six", end="")
        gdb.write("\\n")
        print("four", end="")
        for i in range(3000): print(i % 10, end="")
        raise KeyError("last")
        """,
    )
    result = run(panicked, "pipe epython order.py 2>&1 | cat", "epython order.py")
    assert "one 1twothreesix\nfour01234" in result.out and "9\n" in result.out
    assert " first" in result.err and "KeyError: 'last'" in result.err


def test_any_text_can_be_printed(panicked: MiniDump, write: Write) -> None:
    write("text.py", r"print('caf\xe9 \0 \udc80 \u2500 end')" + "\n")
    for locale in ("C.UTF-8", "C"):
        result = run(panicked, "pyk-run text.py", LC_ALL=locale)
        assert "end\n" in result.out and "Traceback" not in result.err, locale


def test_a_million_lines(panicked: MiniDump, write: Write) -> None:
    write("many.py", "for number in range(10**6): print(number)\n")
    out = run(panicked, "pyk-run many.py").out
    assert out.count("\n") > 10**6 and "\n999999\n\n ** Execution" in out


# --- bad scripts leave the session usable

BAD = {
    "raises": "raise RuntimeError('on purpose')",
    "recurses": "def f(): f()\nf()",
    "replaces the stack limit": "sys.setrecursionlimit(500)",
    "closes stdout": "sys.stdout.close(); print('lost')",
    "closes descriptors": "os.close(1); os.close(0); os.close(2)",
    "closes stdin": "sys.stdin.close()",
    "redirects a descriptor": "os.dup2(os.open('/dev/null', os.O_WRONLY), 1)",
    "replaces stdout": "import io; sys.stdout = io.StringIO(); sys.stderr = None; print('lost')",
    "replaces excepthook": "sys.excepthook = lambda *args: 1/0\nraise RuntimeError('on purpose')",
    "changes directory": "os.chdir('/')",
    "exits in a handler": "atexit.register(lambda: sys.exit(5))\ntry: 1/0\nexcept: sys.exit(6)",
    "traces": "sys.settrace(lambda *args: None)",
    "forks": "if os.fork(): os.wait()\nelse: print('in the child')",
    "forks and exits": "if os.fork(): os.wait()\nelse: sys.exit(7)",
    "leaves a thread": "import threading, time\n"
    "def talk():\n    while True: print('talk'); time.sleep(0.01)\n"
    "threading.Thread(target=talk, daemon=True).start()\ntime.sleep(0.1)",
    "ignores pipes": "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)",
    "takes ctrl-c": "import signal; signal.signal(signal.SIGINT, lambda *args: os._exit(9))",
    "deletes names of the api": "del globals()['sys'], globals()['__builtins__']",
    "is no text": "\udcff\udcfe",
    "replaces built-in functions": "import builtins\n"
    "builtins.print = builtins.len = builtins.open = None\ndel builtins.int",
    "fills a disk": "sys.stdout = open('/dev/full', 'w')\nprint('x' * 100000)",
    "changes sys": "sys.argv = None; sys.path = None; sys.exitepython = None",
}


@pytest.mark.parametrize("what", BAD, ids=lambda what: what.replace(" ", "-"))
def test_a_bad_script_leaves_the_session_usable(
    what: str, panicked: MiniDump, write: Write
) -> None:
    Path("bad.py").write_bytes(BAD[what].encode("utf-8", "surrogateescape"))
    result = still_usable(panicked, "pyk-run bad.py")
    if "on purpose" in BAD[what]:
        assert "RuntimeError: on purpose" in result.err
    if what == "recurses":
        assert "RecursionError" in result.err
    assert result.out.count("in the child") <= 1
    assert result.out.count("$1 = 42") == 1


def test_a_file_on_a_full_disk_costs_a_sentence(panicked: MiniDump, write: Write) -> None:
    write("much.py", "try: print('x' * 100000)\nexcept OSError: pass")
    result = still_usable(panicked, "pyk-run much.py > /dev/full")
    (line,) = result.err.splitlines()
    assert line.startswith("what is missing in /dev/full was not written: [Errno 28]")


# --- commands from scripts


def test_commands_are_text_or_an_error(panicked: MiniDump, write: Write) -> None:
    write(
        "commands.py",
        """\
        from pykdump.API import *
        print(repr(exec_gdb_command("p 6 * 7")), exec_gdb_command("nosuch"))
        print(repr(exec_crash_command("gdb p 1")))
        for command in ("nosuchcommand -x", "gdb nosuch", "gdb set width 80"):
            try:
                exec_crash_command(command)
            except crash.error as error:
                print(f"error <{str(error).splitlines()[:1]}>")
        print(repr(exec_crash_command_bg("nosuchcommand", timeout=60)))
        fd, pid = exec_crash_command_bg2("gdb p 3")
        print(os.read(fd, 100), os.waitpid(pid, 0)[1])
        print(set_default_timeout(7), crash.default_timeout, set_default_timeout(120))
        import crash as again
        print(again is crash, crash.mem2long(b"\\1\\0\\0\\0"))
        """,
    )
    result = run(panicked, "epython commands.py")
    lines = printed(result)
    assert lines[:2] == ["'$1 = 42\\n' None", "'$2 = 1\\n'"]
    assert "nosuchcommand" in lines[2] and "nosuch" in lines[3] and lines[4] == "error <[]>"
    assert lines[5].startswith("+++WARNING+++") and "nosuchcommand" in lines[5]
    assert lines[6:10] == ["''", "b'$3 = 3\\n' 0", "120 7 7", "True 1"]


def test_scope_chooses_among_types_of_one_name(panicked: MiniDump, write: Write) -> None:
    write(
        "scope.py",
        """\
        for function in ("conf_in_conformance", "conf_in_tables", ".conf_in_conformance"):
            text = exec_crash_command("set scope " + function)
            purge_typeinfo("struct conf_twin")
            twin = readSU("struct conf_twin", sym2addr("conf_whole"))
            print(text.startswith("scope: %x (" % sym2addr(function.strip("."))), len(twin),
                  twin.fieldOffset("first"), twin.hasField("third"),
                  struct_size("struct conf_twin"))
        try:
            exec_crash_command("set scope nosuch")
        except crash.error as error:
            print(error)
        exec_crash_command("set scope conf_in_" + ("tables" if size == 8 else "conformance"))
        """,
    )
    write("first.py", "size = struct_size('struct conf_twin'); print(size)\n")
    result = run(panicked, "epython first.py", "epython scope.py", "epython first.py")
    first, *lines, last = printed(result)
    assert first == last and lines == [
        "True 8 0 False 8",
        "True 24 8 True 24",
        "True 8 0 False 8",
        "set: nosuch is unknown: the debug info has no such function",
    ]


def test_a_script_can_become_a_command(panicked: MiniDump, write: Write) -> None:
    write("mycmd.py", "print('mine', sys.argv[1:])\n")
    write(
        "register.py",
        """\
        from crash import register_epython_prog
        print(register_epython_prog("mycmd", "Does it", "[-v]", "At length."))
        print(register_epython_prog("print", "Does it", "[-v]", "At length."))
        print("mycmd" in crash.get_epython_cmds())
        exec_command("mycmd -q")
        """,
    )
    result = run(panicked, "epython register.py", "mycmd -v 'a b'", "help mycmd")
    assert printed(result)[:4] == ["True", "False", "True", "mine ['-q']"]
    assert "mine ['-v', 'a b']\n" in result.out and "At length." in result.out


def test_modules_are_imported_again_when_asked(panicked: MiniDump, write: Write) -> None:
    write("helper.py", "value = 1\n")
    write(
        "edit.py",
        "import helper; print(helper.value); open('helper.py', 'w').write('value = 222')\n",
    )
    write("again.py", "import helper; print(helper.value)\n")
    result = run(panicked, "epython edit.py", "epython again.py", "epython again.py --reload")
    assert printed(result) == ["1", "1", "222"]


def test_the_timeout_of_commands_can_be_assigned(panicked: MiniDump, write: Write) -> None:
    write(
        "timeout.py",
        """\
        print(crash.default_timeout)
        crash.default_timeout = 33
        print(crash.default_timeout, set_default_timeout(44), crash.default_timeout)
        from crash import default_timeout
        print(default_timeout)
        """,
    )
    write("after.py", "print(crash.default_timeout)\n")
    result = run(panicked, "epython timeout.py", "epython after.py")
    assert printed(result) == ["120", "33 33 44", "44", "120"]


def test_commands_leave_a_scripts_alarm_and_run_in_threads(
    panicked: MiniDump, write: Write
) -> None:
    write(
        "alarm.py",
        """\
        import signal, threading
        signal.signal(signal.SIGALRM, lambda *args: rung.append(1))
        rung, printed = [], []
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        printed.append(exec_crash_command_bg("sys"))
        while not rung:
            time.sleep(0.01)
        thread = threading.Thread(target=lambda: printed.append(exec_crash_command_bg("sys")))
        thread.start(); thread.join()
        print(rung, len(printed), printed[0] == printed[1] != "")
        """,
    )
    assert printed(run(panicked, "epython alarm.py")) == ["[1] 2 True"]


def test_limits_hold_for_one_run(panicked: MiniDump, write: Write) -> None:
    write(
        "tasks.py",
        """\
        init = readSymbol("init_task")
        print(len(readSUListFromHead(Addr(init.tasks), "tasks", "struct task_struct")))
        """,
    )
    result = run(panicked, "epython tasks.py --maxel 3", "epython tasks.py")
    lines = printed(result)
    assert "3" in lines and int(lines[-1]) > 3
    assert "maxel=3" in result.out and result.out.count("list of all +++WARNING+++") == 1


def test_the_warning_of_a_cut_list_names_the_callers_in_the_script(
    panicked: MiniDump, write: Write
) -> None:
    write(
        "cut.py",
        """\
        def listed():
            return readSUListFromHead("init_task", "tasks", "struct task_struct", maxel=1)
        def main():
            listed()
        main()
        """,
    )
    result = run(panicked, "epython cut.py")
    assert "maxel=1: cut\n    listed <- main <- <module>\n" in result.out


def test_a_model_brings_the_api(panicked: MiniDump, write: Write) -> None:
    write(
        "model.py",
        """\
        for name in ("os", "readSU", "HZ"):
            del globals()[name]
        from LinuxDump.Tasks import *
        print(os.sep, readSU("struct task_struct", 0), HZ > 0, TaskTable.__name__)
        """,
    )
    lines = printed(run(panicked, "epython model.py"))
    assert lines[-1] == "/ <struct task_struct 0x0> True TaskTable"


def test_switches_are_listed_and_set(panicked: MiniDump, write: Write) -> None:
    write("show.py", "import pykdump.dlkmload as d; print('now', d.debugDLKM)\n")
    result = run(
        panicked,
        "pyk-run show.py",
        "epython pyctl",
        "pyctl debugDLKM=2",
        "pyctl debugDLKM",
        "pyk-run show.py",
        "pyctl --set debugDLKM=3",
        "pyctl --ls debugDLKM",
        "pyctl --clear debugDLKM",
        "pyctl -v nosuch debugDLKM",
    )
    assert " -- Listing registered options --\n" in result.out
    for value in (0, 2, 3):
        assert f"    <debugDLKM={value}>   in pykdump.dlkmload\n" in result.out
    assert "Set: ['debugDLKM=2']\n" in result.out and "now 2\n" in result.out
    assert "there is no switch nosuch" in result.out


def test_scripts_need_a_dump(plugin: None, mini_elf: Path, write: Write) -> None:
    from gdb_run import gdb

    write("say.py", "print('hello')\n")
    result = gdb("pyk-run say.py", args=[mini_elf])
    assert "no dump is open" in result.err and "hello" not in result.out
    assert "no dump is open" in gdb("python from pykdump.API import *", args=[mini_elf]).err


def test_constants_are_those_of_the_dump_that_is_open(panicked: MiniDump, write: Write) -> None:
    write("helper.py", "from pykdump.API import *\nseen = pykdump.lowlevel.kernel()\n")
    write(
        "which.py",
        "import helper; print(helper.seen is pykdump.lowlevel.kernel(), memoize_cond(0)(id)(1))\n",
    )
    again = f"pykdump open {panicked.vmcore}"
    assert printed(run(panicked, "pyk-run which.py"))[0].startswith("True")
    out = run(panicked, "pyk-run which.py", again, "pyk-run which.py").out
    assert len(re.findall(r"^True \d+$", out, re.MULTILINE)) == 2
