# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of crash commands beside the guest's facts, other parts of the dump, and each other."""

from __future__ import annotations

import re
from typing import Any

import pytest

from crash_texts import texts
from harness import Vmcore

PERSON = "Linux version "


def processes(vmcore: Vmcore) -> list[int]:
    """Processes that slept from before the facts to the dump, with files."""
    return [
        task["pid"]
        for task in vmcore.facts["tasks"]
        if task["state"] in "SD"
        and not task["kernel_thread"]
        and task["pid"] == task["tgid"] > 1
        and task["pid"] != vmcore.facts["collector"]
        and (vmcore.facts["processes"].get(str(task["pid"])) or {}).get("maps")
    ][:6]


TURNED = "bt  "  #: a second `bt`, when `bt -O` has made it `bt -o`


def zombies(vmcore: Vmcore) -> list[int]:
    return [task["pid"] for task in vmcore.facts["tasks"] if task["state"] == "Z"]


def said(vmcore: Vmcore) -> dict[str, Any]:
    dead = " ".join(map(str, zombies(vmcore)))
    pid = processes(vmcore)[0]
    return texts(
        vmcore,
        [
            *("mount", "mount -f", "mount -i", "bt", "bt -o", "bt -t", "bt -E", "log -a", "log -s"),
            *("ps", "ps -C 0", "ps -C 1", "ps -H", "ps -p 1", "ps 'init|nosuch'", "ps '[('"),
            *("rd -N -32 linux_banner 2", "rd -32 linux_banner 2", "rd -R linux_banner 2"),
            *("rd linux_banner 2", "rd -f 0 2", "struct elf64_hdr -f 0", "rd -N linux_banner"),
            *("list -r -H modules", "struct list_head modules -c -2", "struct list_head modules"),
            *(
                "whatis -r 16 -m list_head",
                "whatis -m nosuchtype",
                "kmem -s list",
                "kmem -S=0 dentry",
            ),
            *("mod -g", "mod -R", "eval -l 0x10", "eval -0x10", "dis -b", "set scroll off"),
            *("set print_max 3", "p linux_banner", "set print_max 256", "repeat -5 set", "bt -O"),
            *(TURNED, "bt -O", "p -u 1", "search -t -x", "search", "dev -d", "foreach ZO files"),
            *(
                f"{name} {dead}"
                for name in ("ps", "bt", "files", "vm", "sig", "net -s", "task -R pid")
            ),
            *(f"{name} {dead}" for name in ("ps -a", "ps -r", "ps -t", "bt -t", "bt -o", "vm -p")),
            *(f"{name} {dead.split()[0]}" for name in ("mount -n", "net -n", "ipcs -n")),
            *(f"{name} {pid}" for name in ("vm", "vm -p", "files", "task -R mm", "ps -a", "bt -R")),
            f"set {pid}",
            "search -u -c PATH=",
            "rd -u 10",
        ],
    )


def test_files_are_open_through_the_mount_that_their_path_has(vmcore: Vmcore) -> None:
    by_folder = {}
    for part in said(vmcore)["mount -f"].split("\n\n"):
        lines = part.splitlines()
        rows = (line.split(None, 3) for line in lines[4:])
        by_folder[lines[1].split()[4]] = {row[3] for row in rows if len(row) == 4}
    compared = 0
    folders = sorted(by_folder, key=len)
    for pid in processes(vmcore):
        for path in vmcore.facts["processes"][str(pid)]["fd"].values():
            if not (path or "").startswith("/") or "(deleted)" in path:
                continue
            under = [f for f in folders if path == f or path.startswith(f.rstrip("/") + "/")]
            assert path in by_folder[under[-1]], (path, under)
            compared += 1
    assert compared > 5


def test_inodes_that_wait_for_writeback_are_dirty(vmcore: Vmcore) -> None:
    if vmcore.name != "6.1-panic":
        pytest.skip("not applicable: the bits of i_state are those of 6.1")
    dirty, seen = 0, texts(vmcore, ["mount -i"])["mount -i"]
    addrs = re.findall(r"^(ffff\w{12}) +\d+ +\d+  (?:dirty|to be|only)", seen, re.M)
    asked = [f"struct inode.i_state {addr}" for addr in addrs[:40]]
    for text in texts(vmcore, asked).values():
        # I_DIRTY_SYNC, I_DIRTY_DATASYNC, I_DIRTY_PAGES, I_DIRTY_TIME of include/linux/fs.h
        dirty += bool(int(text.split()[-1], 0) & 0x807)
    assert dirty == len(asked) > 3


def test_memory_in_network_order_and_backwards(vmcore: Vmcore) -> None:
    found = said(vmcore)
    network = found["rd -N -32 linux_banner 2"].split()[1:3]
    assert bytes.fromhex("".join(network)) == PERSON.encode()[:8]
    assert [word for word in found["rd -32 linux_banner 2"].split()[1:3]] == [
        bytes.fromhex(word)[::-1].hex() for word in network
    ]
    assert found["rd -N linux_banner"].startswith("ERROR rd: -N is only for")
    first, second = found["rd -R linux_banner 2"].split()[1:3]
    assert second == found["rd linux_banner 2"].split()[1] and first != second


def test_the_file_is_read_as_it_is(vmcore: Vmcore) -> None:
    files = next(iter(vmcore.forms.values()))
    with open(files[0], "rb") as file:
        head = file.read(16)
    words = said(vmcore)["rd -f 0 2"].split()[1:3]
    assert b"".join(bytes.fromhex(word)[::-1] for word in words) == head
    shown = said(vmcore)["struct elf64_hdr -f 0"]
    letters = head[:3].decode("latin-1")
    assert "e_ident" in shown and letters[1:] in shown


def test_every_frame_is_among_the_return_addresses(vmcore: Vmcore) -> None:
    found = said(vmcore)
    # A function that ends with a call that never returns: its return address is another's, for -o.
    frames = re.findall(r"^ *#\d+ \[(\w+)\] (?!\S+\.cold )\S+ at (\w+)", found["bt"], re.M)[1:]
    old = set(re.findall(r"^ *#\d+ \[(\w+)\] \S+ at (\w+)", found["bt -o"], re.M))
    words = set(re.findall(r"^  \[(\w+)\] \S+ at (\w+)", found["bt -t"], re.M))
    # Where an exception came is no return address.
    regs = "exception RIP" in found["bt"] or "---" in found["bt"]
    assert set(frames) <= old or regs
    assert old <= words or regs
    assert found[TURNED] == found["bt -o"]
    assert "\nCPU 0 NMI EXCEPTION STACK:\n" in found["bt -E"]


def test_a_stack_begins_where_it_is_told(vmcore: Vmcore) -> None:
    blocked = next(t["pid"] for t in vmcore.facts["tasks"] if t["state"] == "D")
    (whole,) = texts(vmcore, [f"bt {blocked}"]).values()
    lines = whole.splitlines()
    frames = [re.match(r" *#\d+ \[(\w+)\] (\S+) at (\w+)", line) for line in lines]
    rows = [match.groups() for match in frames if match]
    place, _, ip = rows[2]
    for command in (f"bt -S {place} {blocked}", f"bt -I {ip} -S {place} {blocked}"):
        (text,) = texts(vmcore, [command]).values()
        found = re.findall(r"^ *#\d+ \[(\w+)\] (\S+) at (\w+)", text, re.M)
        assert found == rows[2:], (command, text, whole)
    (text,) = texts(vmcore, [f"bt -S linux_banner {blocked}"]).values()
    assert re.search(r"ERROR bt: .* is on no stack of pid \d+", text)


def test_mappings_of_an_mm_are_those_of_its_task(vmcore: Vmcore) -> None:
    pid, found = processes(vmcore)[0], said(vmcore)
    mm = re.search(r"mm = (0x\w+)", found[f"task -R mm {pid}"])[1]
    area = found[f"vm {pid}"].splitlines()[4].split()[0]
    file = next(path for path in vmcore.facts["processes"][str(pid)]["fd"].values() if path)
    asked = [f"vm -M {mm} {pid}", f"vm -P {area} {pid}", f"vm -R {area} {pid}"]
    asked += ["vm -M 0 1", f"vm -R nosuchfile {pid}"]
    more = texts(vmcore, asked)
    assert more[asked[0]] == found[f"vm {pid}"]
    # The pages of one mapping are those that -p has for it.
    rows = [row for row in found[f"vm -p {pid}"].split("\n\n") if f"{area} " in row]
    (part,) = (row for row in more[asked[1]].split("\n\n") if f"{area} " in row)
    assert part.strip().splitlines()[-1] == rows[0].strip().splitlines()[-1]
    assert area in more[asked[2]] and len(more[asked[2]].splitlines()) == 5
    assert more["vm -M 0 1"].startswith("ERROR vm: 0 is no address of the kernel")
    assert more[f"vm -R nosuchfile {pid}"] == "ERROR " and file


def test_stacks_with_a_function_or_a_word(vmcore: Vmcore) -> None:
    blocked = [t["pid"] for t in vmcore.facts["tasks"] if t["state"] == "D"]
    more = texts(vmcore, ["foreach UN bt", "foreach UN bt -R schedule", "bt -R nosuch 1"])
    with_it = [p for p in more["foreach UN bt"].split("\n\n") if re.search(r"\] schedule at", p)]
    kept = more["foreach UN bt -R schedule"].split("\n\n")
    assert [p.split()[1] for p in kept] == [p.split()[1] for p in with_it] and blocked
    word = re.search(r"#3 \[\w+\] \S+ at (\w+)", with_it[0])[1]
    (text,) = texts(vmcore, [f"foreach UN bt -R {word}"]).values()
    pids = [part.split()[1] for part in text.split("\n\n")]
    assert with_it[0].split()[1] in pids
    assert more["bt -R nosuch 1"] == "ERROR "


def test_tasks_of_a_cpu_are_those_with_its_number(vmcore: Vmcore) -> None:
    found = said(vmcore)
    rows = found["ps"].splitlines()[1:]
    for cpu in "0", "1":
        assert found[f"ps -C {cpu}"].splitlines()[1:] == [
            r for r in rows if r[1:].split()[2] == cpu
        ]
    assert found["ps -H"].splitlines() == rows
    assert [r[1:].split()[0] for r in found["ps 'init|nosuch'"].splitlines()[1:]][0] == "1"
    assert found["ps '[('"].startswith("ERROR ps: [( is no regular expression")


def test_zombies_have_a_line_for_what_is_gone(vmcore: Vmcore) -> None:
    found, dead = said(vmcore), zombies(vmcore)
    assert dead
    words = " ".join(map(str, dead))
    gone = {
        "bt": "the task is dead: its stack was given back",
        "files": "No open files",
        "vm": "0                 0            0k       0k",
        "vm -p": "0                 0            0k       0k",
        "net -s": "No open sockets.",
        "ps -a": "(no user memory)",
    }
    for name, line in gone.items():
        assert found[f"{name} {words}"].count(line) == len(dead), name
        assert found[f"{name} {words}"].count("PID: ") == len(dead), name
    for name in "mount -n", "net -n", "ipcs -n":
        assert re.match(
            r"ERROR \w+: task \d+ has no .* namespace", found[f"{name} {dead[0]}"]
        ), name
    for line in found[f"ps {words}"].splitlines()[1:]:
        assert line.split()[4] == "ZO"
    for name in "ps -r", "ps -t", "task -R pid", "sig":
        assert found[f"{name} {words}"].count("PID: ") == len(dead), name
    assert found["foreach ZO files"].count("No open files") >= len(dead)


def test_types_are_found_by_size_and_member(vmcore: Vmcore) -> None:
    found = said(vmcore)
    names = {line.split()[1] for line in found["whatis -r 16 -m list_head"].splitlines()[1:]}
    for name in sorted(names)[:3]:
        shown = texts(vmcore, [f"struct {name}", f"union {name}"]).values()
        assert any("SIZE: 16" in text and "list_head" in text for text in shown), name
    assert found["whatis -m nosuchtype"] == "(none found)\n"


def test_objects_that_a_cpu_keeps(vmcore: Vmcore) -> None:
    found = said(vmcore)
    lines = found["kmem -S=0 dentry"].splitlines()
    assert any(line.startswith("CPU 0 ") for line in lines)
    assert not any(line.startswith(("CPU 1 ", "NODE ", "KMEM_CACHE_NODE")) for line in lines)
    caches = {line.split()[1] for line in found["kmem -s list"].splitlines()}
    slabinfo = vmcore.facts["files"]["/proc/slabinfo"].splitlines()[2:]
    assert {line.split()[0] for line in slabinfo} <= caches


def test_sheaves_hold_objects_that_are_free_in_the_slabs(vmcore: Vmcore) -> None:
    text = texts(vmcore, ["kmem -S kmalloc-64"])["kmem -S kmalloc-64"]
    if "SLUB_PERCPU_SHEAVES" not in text:
        pytest.skip("not applicable: a kernel without sheaves")
    kept = sum(
        int(n) for n in re.findall(r"^  \w{16}  (?:main|spare|full|rcu_free) +(\d+)$", text, re.M)
    )
    marked = re.findall(r"^   (\w{16})  \(((?:cpu|node) \d+) sheaf\)$", text, re.M)
    assert kept == len(marked) > 0
    allocated, total = (int(word) for word in text.splitlines()[1].split()[2:4])
    assert len(re.findall(r"^  \[\w{16}\]$", text, re.M)) == allocated
    assert len(re.findall(r"^   \w{16}", text, re.M)) == total - allocated


def test_odds_and_ends(vmcore: Vmcore) -> None:
    found = said(vmcore)
    assert found["log -a"].startswith(("kernel audit log is empty", "type="))
    assert found["log -s"].startswith(
        ("PRINTK_SAFE_SEQ_BUF: nmi_print_seq", "ERROR log: this kernel")
    )
    assert found["dis -b"] == "encoded bytes being skipped after ud2a: 0\n"
    assert found["set scroll off"] == "scroll: does nothing here\n"
    assert '"Lin"...' in found["p linux_banner"]
    assert found["eval -l 0x10"].startswith("hexadecimal: 10 ")
    assert found["eval -0x10"].startswith("hexadecimal: fffffffffffffff0 ")
    assert found["p -u 1"].endswith("= 1\n")
    assert found["search"].startswith("ERROR search: what to search for")
    names = re.findall(r"^\w{16}  (\S+)", found["mod -R"], re.M)
    assert names == re.findall(r"^\w{16}  (\S+)", found["mod -g"], re.M) and len(names) > 20
    assert found["mod -g"].count("  .text\n") == len(names)
    assert found["repeat -5 set"].lstrip().startswith("PID: ")


def test_memory_of_a_process_is_searched(vmcore: Vmcore) -> None:
    pid, found = processes(vmcore)[0], said(vmcore)
    arguments = found[f"ps -a {pid}"]
    if "PATH=" not in arguments:
        pytest.skip("not applicable: the page with its environment was not in memory")
    path = re.search(r"PATH=\S+", arguments)[0]
    hits = found["search -u -c PATH="].splitlines()
    assert any(line.partition(": ")[2].startswith(path[:40]) for line in hits)
    maps = vmcore.facts["processes"][str(pid)]["maps"].splitlines()
    ranges = [tuple(int(x, 16) for x in line.split()[0].split("-")) for line in maps]
    for line in hits:
        addr = int(line.partition(":")[0], 16)
        assert any(low <= addr < high for low, high in ranges)
    assert found["rd -u 10"].startswith("ERROR rd: cannot read")


#: Commands whose first lines name columns, and words in capitals there that are values.
TABLES = """
ps|ps -s|ps -r 1|mount|mount -f|mount -i|files|files -c|mod|mod -t|net|net -a|kmem -i|kmem -s
kmem -n|kmem -S dentry|kmem -v|kmem -f|kmem -h|kmem -o|kmem -g|kmem -p 1000000|vm|vm -p|sig|swap
ipcs|ipcs -M
irq|irq -s|irq -a|irq -b|dev|dev -d|dev -i|dev -p|timer|timer -r|whatis -r 16|fuser /dev/null|alias
sys -c|mach -m|vtop linux_banner|ptov 1000000|ptob 1|btop 1000|pte 8067
"""
VALUES = {"NICE", "RTPRIO", "CPU1", "FN"}


def test_help_names_every_column(vmcore: Vmcore) -> None:
    asked = [command for line in TABLES.split("\n") for command in line.split("|") if command]
    found = texts(vmcore, [*asked, *sorted({f"help {command.split()[0]}" for command in asked})])
    named = 0
    for command in asked:
        page = found[f"help {command.split()[0]}"].lower()
        for line in found[command].splitlines()[:300]:
            # Nothing but words in capitals.
            if re.search(r"[a-z]|\d{3}", line) or not re.search(r"[A-Z]{2}", line):
                continue
            for word in re.findall(r"[A-Z_%][A-Z0-9_%-]+", line):
                assert word.lower() in page or word in VALUES, (command, word, line)
                named += 1
    assert named > 150
