# SPDX-License-Identifier: GPL-2.0-or-later
"""What crash commands say of options and words that mean nothing, and of pipes."""

from __future__ import annotations

import json
import re

import pytest

from crash_texts import texts
from harness import Vmcore

NAMES = """
* alias ascii bpf bt btop dev dis eval extend files foreach fuser gdb help ipcs irq kmem list
log mach mod mount net p ps pte ptob ptov rd repeat runq rustfilt sbitmapq search set sig struct
swap sym sys task timer tree union vm vtop waitq whatis
""".split()

WRONG = {
    "ps 4000000": "4000000 is no pid, task or command",
    "bt 4000000": "4000000 is no pid and no task",
    "bt ffffffffdeadbee8": "ffffffffdeadbee8 is no pid and no task",
    "files 4000000": "4000000 is no pid",
    "foreach nobody bt": "nobody is no task",
    "foreach": "a command must follow",
    "struct nosuchstruct": "invalid data structure reference: nosuchstruct",
    "struct task_struct.nosuch": "has no member nosuch",
    "struct task_struct 10": "cannot read",
    "rd 0": "cannot read",
    "rd nosuchsymbol": "is no address and no symbol",
    "list": "one START is needed",
    "tree -t oak init_task": "is no kind of tree",
    # Before 6.1 there were no maple trees.
    "tree -t maple 10": "cannot be read|laid out otherwise",
    "kmem -s nosuchcache": "no slab cache",
    "kmem -S nosuchcache": "no slab cache",
    "mod -s nosuchmodule": "no such module",
    "sym nosuchsymbol": "invalid address or symbol",
    "mount nowhere": "nothing mounted",
    "irq 99999": "there is no interrupt 99999",
    "waitq 10": "is no address of the kernel",
    "sys -c nosuchcall": "no system call",
    "ipcs 4711": "nothing has the id or address 4711",
    "ps -C 77": "there is no CPU 77",
    "irq -s -c 77": "there is no CPU 77",
    "bt -n busy": "only idle can be left out",
    "tree -t xarray -l init_task": "only for red-black trees",
    "kmem -p nosuch": "is no address and no symbol",
    "kmem -m nosuch 1000000": "nosuch",
    "eval 1 +": "is no expression",
    "eval 1/0": "division by zero",
    "timer -C 77": "there is no CPU 77",
    "bpf -p 4711": "no program with id 4711",
    "log extra": "takes no words",
    "dis": "a function or an address is needed",
    "ptov": "a number is needed",
    "extend /tmp/x.so": "cannot be loaded",
    "nosuch -x": "there is no command nosuch",
    "ps |": "must follow",
    "ps '' ": "an empty word means nothing",
    "dev nosuch": "it takes no words: nosuch",
    "timer nosuch": "it takes no words: nosuch",
    "bt -a nosuch": "-a takes no words: nosuch",
    "kmem -i nosuch": "-i takes no words: nosuch",
    "bt -E nosuch": "-E takes no words: nosuch",
    "mod -t nosuch": "-t takes no words: nosuch",
    "mod -S nosuch": "nosuch is no folder",
    "net -a nosuch": "-a takes no words: nosuch",
    "vm -P nosuch 1": "nosuch is no mapping",
    "vm -P 0 1": "0 is no mapping",
    "whatis -r 64 nosuch": "-r takes no words: nosuch",
    "dis -b 3 nosuch": "a count of bytes, not 3 nosuch",
    "kmem -r": "option -r of crash is not here: .* -s lists all caches",
    "kmem -m -1 1000000": "-1 is no member of struct page",
    "kmem -v 10": "10: in no vmalloc area",
    "kmem -F 10": "-F takes no words",
    "sys -panic": "option -panic of crash is not here: a dump can only be read",
    "wr jiffies 1": "a dump can only be read",
    "q": "ends the crash> prompt",
    "quit": "ends the crash> prompt",
    "h": "typed at the crash> prompt",
    "list 0": "0 is no address of a list's entry",
    "foreach bt 99999": "the tasks stand before bt: foreach 99999 bt",
    "irq deadbeef": "there is no interrupt deadbeef$",
    "bt x y 99999": "x, y, 99999 are no pids and no tasks",
    "eval \u00e9": "is no expression",
    "search ''": "an empty word",
    "dis -r ffffffffffffffff": "is the last byte",
    "rd -f ffffffffffffffff": "the file ends before",
    "rd -p 99999999999999999999999": "has more than 64 bits",
    "ptob 99999999999999999999999": "has more than 64 bits",
    "rustfilt nosuch": "nosuch is no symbol of Rust",
    "bt " + "9" * 4000: "999 is no pid and no task",
    "help nosuch": "there is no command nosuch",
    "< /nosuch": "No such file",
    "irq -c --json": "option -c needs CPUS",
    "struct task_struct.pid,nosuch init_task": "^ERROR struct: .* has no member nosuch$",
    "task_struct.pid,comm[0],nosuch[1] init_task": "^ERROR struct: .* has no member nosuch",
    "list -H modules -s module.name,nosuch": "^ERROR list: struct module has no member nosuch$",
    **{
        f"foreach {rest}": f"^ERROR foreach: {message}$"
        for rest, message in {
            "files nosuch": "files: nosuch is no pid and no task of this dump",
            "rd -s": "rd: an address is needed",
            "rd nosuch": "rd: nosuch is no address and no symbol",
            "vtop nosuch": "vtop: nosuch is no address and no symbol",
            "ps nosuch": "ps: nosuch is no pid, task or command of this dump",
            "task -R nosuch": "task: neither .* has a member nosuch",
        }.items()
    },
    "alias xx ps 1": "^ERROR $",
    "ps | grep nosuchxx": "^ERROR $",
}


@pytest.fixture
def said(vmcore: Vmcore) -> dict[str, str]:
    """Answers to all of this."""
    unknown = [f"{name} -Z" for name in NAMES if name not in ("gdb", "eval", "foreach")]
    unknown += [f"foreach 1 {name} -Z" for name in ("bt", "files", "net", "ps", "set", "vm", "rd")]
    helps = [f"help {name}" for name in NAMES]
    good = [
        *("ps 1 4000000", "ps | grep init", "ps -G --json", "task_struct.pid init_task"),
        *(
            "struct task_struct.pid init_task",
            "ps > /dev/null",
            "bt 1 4000000",
            "*list_head modules",
        ),
    ]
    return texts(vmcore, [*WRONG, *unknown, *helps, *good])


def test_wrong_words_are_named(said: dict[str, str]) -> None:
    for command, message in WRONG.items():
        assert said[command].startswith("ERROR "), command
        known = any(re.search(each, said[command]) for each in message.split("|"))
        assert known, (command, said[command])


def test_unknown_options_are_named(said: dict[str, str]) -> None:
    for command, text in said.items():
        if command.endswith(" -Z"):
            name = command.split()[-2]
            assert text.startswith("ERROR ") and "-Z" in text and name in text, command


def test_help_names_the_command_and_its_options(said: dict[str, str]) -> None:
    for name in NAMES:
        lines = said[f"help {name}"].splitlines()
        assert lines[0].startswith(f"{name}: ") or name == "union", name
        assert any(line.startswith("Usage: ") for line in lines), name
        assert any("--json" in line for line in lines), name


def test_good_words_beside_bad_ones_are_answered(said: dict[str, str]) -> None:
    lines = said["ps 1 4000000"].splitlines()
    assert any(line.split()[-1] == "init" for line in lines)
    assert any(line.startswith("ps: 4000000 is no pid") for line in lines)
    assert "bt: 4000000 is no pid" in said["bt 1 4000000"]
    assert said["bt 1 4000000"].count("PID: ") == 1


def test_output_goes_through_a_shell_and_into_files(said: dict[str, str]) -> None:
    piped = said["ps | grep init"].splitlines()
    assert piped and all("init" in line for line in piped)
    assert said["ps > /dev/null"] == ""


def test_records_are_json(said: dict[str, str]) -> None:
    found = json.loads(said["ps -G --json"])
    assert found["command"] == "ps" and not found["warnings"]
    assert any(row["pid"] == 1 and row["comm"] == "init" for row in found["records"])


def test_a_struct_needs_no_command(said: dict[str, str]) -> None:
    assert said["task_struct.pid init_task"] == said["struct task_struct.pid init_task"]
    assert said["task_struct.pid init_task"] == "  pid = 0\n"
    assert said["*list_head modules"].startswith("struct list_head {\n  next = 0x")
