# SPDX-License-Identifier: GPL-2.0-or-later
"""Modules of real dumps: the list and the names are the guest's, debug info is placed right."""

from __future__ import annotations

import lzma
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import gdb_run
import pytest

from harness import Vmcore

PLANTED = "pykdump_test"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An index cache that the dumps of all kernels share, with vmlinux's indexes as they are."""
    folder = tmp_path_factory.mktemp("cache") / "pykdump"
    folder.mkdir()
    own = Path.home() / ".cache" / "pykdump"
    for version in own.glob("gdb-index-*"):
        made = folder / version.name
        made.mkdir()
        for index in version.glob("*.gdb-index"):
            (made / index.name).symlink_to(index)
    return {"XDG_CACHE_HOME": str(folder.parent)}


def run(vmcore: Vmcore, *commands: str, env: Mapping[str, str]) -> gdb_run.Run:
    files = " ".join(map(str, next(iter(vmcore.forms.values()))))
    return gdb_run.gdb(f"target kdump {files}", *commands, args=[vmcore.vmlinux], env=env)


def with_modules(vmcore: Vmcore, cache: Mapping[str, str]) -> dict[str, str]:
    return {**cache, "PYKDUMP_DEBUGINFO": str(vmcore.modules)}


def debug_file(vmcore: Vmcore, name: str = PLANTED) -> Path:
    found = (vmcore.modules / "usr/lib/debug").rglob("*.ko")
    return next(path for path in found if path.stem.replace("-", "_") == name)


def guests_modules(vmcore: Vmcore) -> dict[str, tuple[int, int, int, str]]:
    """Address, size, references and taints by name, out of /proc/modules."""
    found = {}
    for line in vmcore.facts["files"]["/proc/modules"].splitlines():
        words = line.split()
        taints = words[6].strip("()") if len(words) > 6 else ""
        found[words[0]] = (int(words[5], 16), int(words[1]), int(words[2]), taints)
    return found


def guests_symbols(vmcore: Vmcore) -> dict[tuple[str, str], set[int]]:
    found = defaultdict(set)
    for line in (vmcore.directory / "kallsyms.txt").read_text().splitlines():
        address, _, name, *module = line.split()
        if module:
            found[module[0].strip("[]"), name].add(int(address, 16))
    return found


NAMES_IN_GDB = """python
import gdb, json
found = []
for objfile in gdb.objfiles():
    if objfile.filename.endswith(".orc") and not objfile.filename.endswith("vmlinux.orc"):
        module = objfile.filename.split("/")[-1][:-4]
        text = gdb.execute(f"maint print msymbols -objfile {objfile.filename}", to_string=True)
        for line in text.splitlines():
            words = line.split()
            if line.startswith("[") and len(words) > 3:
                at = next(i for i, word in enumerate(words) if word.startswith("0x"))
                found.append((module, words[at + 1], int(words[at], 16)))
print(json.dumps({"names": found}, indent=1))
"""


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "script.gdb"
    path.write_text(text + "end\n")
    return f"source {path}"


def test_the_list_is_that_of_the_guests_proc_modules(
    vmcore: Vmcore, cache: Mapping[str, str]
) -> None:
    listed = run(vmcore, "pykdump module list --json", env=cache).json()["modules"]
    rows = {
        row["name"]: (int(row["addr"], 16), row["size_bytes"], row["refs"], row["taints"])
        for row in listed
    }
    assert rows == guests_modules(vmcore)
    assert [row["name"] for row in listed] == sorted(rows)
    assert {row["state"] for row in listed} == {"live"}
    assert {row["debuginfo"] for row in listed} == {None}


def test_names_in_gdb_are_those_of_the_guests_kallsyms(
    vmcore: Vmcore, cache: Mapping[str, str], tmp_path: Path
) -> None:
    done = run(vmcore, script(tmp_path, NAMES_IN_GDB), env=cache)
    ours = defaultdict(set)
    for module, name, address in done.json()["names"]:
        ours[module, name].add(address)
    theirs = guests_symbols(vmcore)
    assert {key: ours[key] for key in ours.keys() & theirs.keys()} == {
        key: theirs[key] for key in ours.keys() & theirs.keys()
    }
    modules = guests_modules(vmcore)
    lost = [
        key
        for key, addresses in theirs.items()
        if key not in ours
        and not key[1].startswith(".")  # a label of the compiler's
        and any(lies_in(modules[key[0]], address) for address in addresses)
    ]
    assert lost == []
    assert len(ours) > 10_000


SYMBOLS_OF_ADDRESSES = """python
import gdb, json
print(json.dumps({
    f"{addr:#x}": [gdb.execute(f"info symbol {addr:#x}", to_string=True),
                   gdb.execute(f"output/a {addr + 1:#x}", to_string=True)]
    for addr in %s
}, indent=1))
"""


def test_gdb_names_addresses_of_code_and_of_data(
    vmcore: Vmcore, cache: Mapping[str, str], tmp_path: Path
) -> None:
    start, size, *_ = guests_modules(vmcore)[PLANTED]
    theirs: dict[int, set[str]] = defaultdict(set)
    for (module, name), addresses in guests_symbols(vmcore).items():
        # GDB cuts what the compiler appended to names.
        if module == PLANTED and "." not in name:
            for address in addresses:
                theirs[address].add(name)
    addresses = [addr for addr in sorted(theirs) if start <= addr < start + size]
    text = SYMBOLS_OF_ADDRESSES % addresses
    found = run(vmcore, script(tmp_path, text), env=cache).json()
    assert len(found) > 50
    for addr in addresses:
        symbol, printed = found[f"{addr:#x}"]
        assert symbol.split(" in section ")[0] in theirs[addr], hex(addr)
        assert re.search(r"<(.+)\+1>", printed)[1] in theirs[addr], hex(addr)


def lies_in(module: tuple[int, int, int, str], address: int) -> bool:
    return module[0] <= address < module[0] + module[1]


def test_planted_values_are_read_with_their_types(vmcore: Vmcore, cache: Mapping[str, str]) -> None:
    shapes = vmcore.facts["module"]["shapes"]
    names = (
        "u8_max s8_min u16_max s16_min u32_max s32_min u64_max s64_min color cookie ubits3 sbits3"
    )
    names += " bit1 ubits20 ubits40 sbits24 byte_bits anon_whole anon_low anon_high anon_member"
    done = run(
        vmcore,
        f"pykdump module load {PLANTED}",
        "p &pykdump_shapes",
        "p sizeof(struct pykdump_shapes)",
        *(f'printf "{name}=%ld\\n", (long)pykdump_shapes.{name}' for name in names.split()),
        *(f'p $pyk_per_cpu("pykdump_percpu_int", {cpu})' for cpu in (0, 1, 9)),
        'p $pyk_per_cpu("pykdump_percpu_struct", 1).value',
        'p &$pyk_per_cpu("pykdump_percpu_array", 1)',
        "p/x &pykdump_percpu_int",
        "p pykdump_test_init",
        env=with_modules(vmcore, cache),
    )
    assert f"(struct pykdump_shapes *) {shapes['address']:#x} <pykdump_shapes>" in done.out
    values = re.findall(r"^(\w+)=(-?\d+)$", done.out, re.MULTILINE)
    assert {name: int(value) % 2**64 for name, value in values} == {
        name: int(shapes[name]) % 2**64 for name in names.split()
    }
    percpu = vmcore.facts["module"]["percpu"]["cpus"]
    found = re.findall(r"^\$\d+ = (.*)$", done.out, re.MULTILINE)
    assert int(found[1]) == shapes["size"]
    assert [int(found[2]), int(found[3])] == [cpu["int"] for cpu in percpu]
    assert int(found[4]) == percpu[1]["struct_value"]
    assert "of CPU 9 cannot be found: the dump has 2 CPUs" in done.err
    assert "Cannot access memory at address 0xdead" in done.err


def test_lines_are_right_wherever_the_module_was_loaded_before(
    vmcore: Vmcore, cache: Mapping[str, str]
) -> None:
    ((address,),) = [
        at
        for (module, name), at in guests_symbols(vmcore).items()
        if (module, name) == (PLANTED, "pykdump_fault")
    ]
    for _ in range(2):  # without and with an index in the cache
        done = run(
            vmcore,
            f"pykdump module load {PLANTED}",
            f"info line *{address:#x}",
            f"info symbol {address:#x}",
            "info scope pykdump_fault",
            env=with_modules(vmcore, cache),
        )
        assert re.search(r'^Line \d+ of "(.*/)?faults.c" starts at address', done.out, re.MULTILINE)
        assert f"pykdump_fault in section .text of {debug_file(vmcore)}" in done.out or (
            re.search(r"pykdump_fault in section .text of /.*/pykdump_test.ko", done.out)
        )
        assert "Symbol how is" in done.out


@pytest.mark.parametrize("autoload", ["on", "off"])
def test_a_backtrace_loads_what_it_meets_unless_told_not_to(
    autoload: str, vmcore: Vmcore, cache: Mapping[str, str]
) -> None:
    (thread,) = [t for t in vmcore.facts["module"]["threads"] if t["comm"] == "pykd_semaphore"]
    done = run(
        vmcore,
        f"set pykdump module-autoload {autoload}",
        f"python gdb.execute('thread %d' % [t.num for t in gdb.selected_inferior().threads() "
        f"if t.ptid[1] == {thread['pid']}][0])",
        "bt",
        "pykdump module list",
        env=with_modules(vmcore, cache),
    )
    (frame,) = [line for line in done.out.splitlines() if "semaphore_waiter" in line]
    assert ("(unused=" in frame and "tasks.c:" in frame) == (autoload == "on")
    assert ("ret_from_fork" in done.out) and "??" not in done.out
    loaded = [row for row in done.out.splitlines() if row.endswith(".ko")]
    assert [row.split()[0] for row in loaded] == ([PLANTED] if autoload == "on" else [])


def test_load_all_gives_every_module_types_and_keeps_stacks_whole(
    vmcore: Vmcore, cache: Mapping[str, str]
) -> None:
    done = run(
        vmcore,
        "pykdump module load all",
        "pykdump module list --json",
        "p sizeof(struct rpc_clnt)",
        "thread apply all -q bt",
        env=with_modules(vmcore, cache),
    )
    # nft_counter, of kernels before 5.18, is not among those whose debug info is unpacked.
    lacking = {row["name"] for row in done.json()["modules"] if not row["debuginfo"]}
    assert lacking <= {"nft_counter"}, done.out
    assert re.search(r"^\$1 = \d{3,}$", done.out, re.MULTILINE)
    assert "??" not in done.out
    assert ("no debug info of" in done.out) == bool(lacking)


def test_a_file_of_another_build_is_refused_with_both_ids(
    vmcore: Vmcore, cache: Mapping[str, str]
) -> None:
    other = "6.12" if vmcore.vmlinux.parent.name == "6.1" else "6.1"
    wrong = list((vmcore.vmlinux.parent.parent / other).glob(f"modules/usr/**/{PLANTED}.ko"))
    if not wrong:
        pytest.skip(f"not applicable: the modules of {other} are not made yet")
    done = run(vmcore, f"pykdump module load {PLANTED} --from {wrong[0]}", env=cache)
    assert len(set(re.findall(r"\b[0-9a-f]{40}\b", done.err))) == 2
    assert f"{wrong[0]} is not the module {PLANTED} of the dump" in done.err


@pytest.mark.parametrize("kind", [".ko", ".ko.debug", ".ko.xz", ".ko.zst"])
def test_every_kind_of_file_is_loaded_and_nothing_stays_behind(
    kind: str, vmcore: Vmcore, cache: Mapping[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "deep" / f"pykdump-test{kind}"
    path.parent.mkdir()
    content = debug_file(vmcore).read_bytes()
    if kind == ".ko.zst":
        if not shutil.which("zstd"):
            pytest.skip("zstd is missing; install zstd")
        subprocess.run(["zstd", "-q", "-1", "-o", path], input=content, check=True)
    else:
        path.write_bytes(lzma.compress(content, preset=0) if kind == ".ko.xz" else content)
    private = tmp_path / "private"
    private.mkdir()
    done = run(
        vmcore,
        f"pykdump module path {path.parents[1]}",
        "pykdump module load pykdump-test",
        "p pykdump_shapes.u16_max",
        "pykdump module unload all",
        "p sizeof(struct pykdump_shapes)",
        "info symbol pykdump_fault",
        f"pykdump module load {PLANTED} --from {path}",
        "p pykdump_shapes.u8_max",
        env={**cache, "TMPDIR": str(private)},
    )
    assert done.out.count(f"{PLANTED}: {path}\n") == 2, done.err
    assert re.findall(r"^\$\d = (\d+)", done.out, re.MULTILINE) == ["65535", "255"]
    assert "No struct type named pykdump_shapes" in done.err
    assert "pykdump_fault in section .text of" in done.out
    assert list(private.iterdir()) == []


def damaged(vmcore: Vmcore, folder: Path) -> dict[str, Path]:
    content = debug_file(vmcore).read_bytes()
    made = {name: folder / name / f"{PLANTED}.ko" for name in ("cut", "text", "arm", "folder")}
    for path in made.values():
        path.parent.mkdir()
    made["cut"].write_bytes(content[: len(content) // 2])
    made["text"].write_text("no module\n")
    made["arm"].write_bytes(content[:18] + (183).to_bytes(2, "little") + content[20:])
    made["folder"].mkdir()
    made["stripped"] = folder / "stripped.ko"
    strip = ["objcopy", "--strip-debug", debug_file(vmcore), made["stripped"]]
    subprocess.run(strip, check=True)
    made["none"] = folder / "none.ko"
    return made


def test_files_that_cannot_be_used_are_refused_in_one_sentence_each(
    vmcore: Vmcore, cache: Mapping[str, str], tmp_path: Path
) -> None:
    bad = damaged(vmcore, tmp_path)
    done = run(
        vmcore,
        *(f"pykdump module load {PLANTED} --from {path}" for path in bad.values()),
        "pykdump module load sunprc",
        "pykdump module load",
        f"pykdump module path {tmp_path}/nowhere",
        "info symbol pykdump_fault",
        env=cache,
    )
    for name, reason in (
        ("cut", "it may be cut short|it is no ELF file"),
        ("text", "it is no ELF file"),
        ("arm", "is for aarch64, the dump is of x86_64"),
        ("folder", f"no debug info of module {PLANTED}"),
        ("stripped", "has no debug info"),
        ("none", "No such file or directory"),
    ):
        lines = [line for line in done.err.splitlines() if f"{bad[name]}" in line]
        assert len(lines) == 1 and re.search(reason, lines[0]), (name, done.err)
    assert "no module sunprc is loaded in the dump; did you mean sunrpc?" in done.err
    assert "nowhere is no folder" in done.err
    assert "Traceback" not in done.err
    assert "pykdump_fault in section .text of" in done.out


DAMAGE = """python
import gdb
from types import SimpleNamespace
from LinuxDump import module_sections, modules
from pykdump import lowlevel
kernel_symbol = lowlevel.find_symbol
def damage(**change):
    modules._modules = None
    head = change.get("head")
    lowlevel.find_symbol = lambda n: head if head and n == "modules" else kernel_symbol(n)
    if "sections" in change:
        row = SimpleNamespace(sect_attrs=change["sections"])
        module_sections._MODULE = SimpleNamespace(read=lambda addr: row)
"""


def test_a_damaged_list_or_damaged_sections_are_named_and_end_only_what_needs_them(
    vmcore: Vmcore, cache: Mapping[str, str], tmp_path: Path
) -> None:
    lists = vmcore.facts["module"]["lists"]
    init_task = vmcore.facts["symbols"]["init_task"]
    done = run(
        vmcore,
        script(tmp_path, DAMAGE),
        *(
            command
            for name in ("cyclic", "cut", "null", "unmapped")
            for command in (f"python damage(head={lists[name]['head']})", "pykdump module list")
        ),
        *(
            command
            for at in (0, 0x6B6B6B6B6B6B6B6B, 0xFFFF800000000008, init_task)
            for command in (
                f"python damage(sections={at})",
                f"pykdump module load {PLANTED}",
            )
        ),
        "info symbol pykdump_fault",
        env=with_modules(vmcore, cache),
    )
    for end in "cycle", "unreadable":
        assert f"+++WARNING+++ the list of modules is broken after 10 ({end} at" in done.out
    assert "  live  " not in done.out  # none of the planted items passes for a module
    assert len(re.findall(f"sections of module {PLANTED} (are not|cannot be)", done.err)) == 4
    assert "Traceback" not in done.err + done.out
    assert "pykdump_fault in section .text of" in done.out
