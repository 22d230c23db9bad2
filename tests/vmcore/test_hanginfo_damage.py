# SPDX-License-Identifier: GPL-2.0-or-later
"""hanginfo on a copy of a dump in which locks, waiters and requests were overwritten."""

from __future__ import annotations

import json
import re
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb, launch

from harness import Vmcore

NONSENSE = 0x4141_4141_4141_4140
PT_LOAD = 1

#: Prints the physical address of what is to be overwritten: names, and GDB expressions for them.
PLACES = """
python
import json, gdb
from pykdump import lowlevel
from LinuxDump import block_devices, block_requests
from pykdump.errors import PykdumpError
from LinuxDump.hangs import collect
waits = {wait.comm: wait for wait in collect.collect().waits}
def off(struct, member): return lowlevel.member(struct, member).offset
def waiter(comm): return int(waits[comm].evidence.split("0x")[1].split()[0], 16)
mutex, reader = waits["pykd_mutex_1"].object_addr, waits["pykd_reader"].object_addr
(request,) = block_requests.block_requests()
frozen = next(w for w in waits.values() if w.comm == "touch" and "/mnt/frozen" in w.text)
sb = lowlevel.member("struct super_block", "s_writers.rw_sem").offset
places = {
    "owner": mutex + off("struct mutex", "owner"),
    "count": reader + off("struct rw_semaphore", "count"),
    "rwsem owner": reader + off("struct rw_semaphore", "owner"),
    "task": waiter("pykd_semaphore") + off("struct semaphore_waiter", "task"),
    "next": waiter("pykd_writer") + off("struct rwsem_waiter", "list"),
    "bio": request.bios[0].addr + off("struct bio", "bi_next"),
    "frozen": frozen.object_addr - sb + off("struct super_block", "s_writers.frozen"),
}
# a page that is left out of the dump
direct, ram = lowlevel.read_pointer(lowlevel.symbol_address("page_offset_base")), 1 << 30
def is_left_out(at):
    try:
        lowlevel.dump().read(at, 8)
    except PykdumpError:
        return True
left_out = next(at for at in range(direct + (64 << 20), direct + ram, 4096) if is_left_out(at))
rpc = waits["python3"].object_addr
(disk,) = [disk for disk in block_devices.disks() if disk.name == "dm-0"]
touch = next(w for w in waits.values() if w.comm == "flock-waiter")
places |= {
    "waiters": waits["pykd_reader"].object_addr + off("struct rw_semaphore", "wait_list"),
    "transport": rpc + off("struct rpc_task", "tk_xprt"),
    "private": disk.addr + off("struct gendisk", "private_data"),
    "flock": touch.object_addr + off("struct file_lock", "fl_pid"),
    "cpu": waits["dd"].task_addr + off("struct task_struct", "thread_info.cpu"),
}
print("PLACES", json.dumps({
    name: (at, lowlevel.dump().translate(at)) for name, at in places.items()}))
print("BIO", request.bios[0].addr)
print("LEFT OUT", left_out)
end
"""


def overwrite(path: Path, phys: int, data: bytes) -> None:
    """Write to where a physical address is in an ELF dump."""
    with path.open("r+b") as file:
        header = file.read(64)
        first, size = struct.unpack_from("<Q", header, 32)[0], struct.unpack_from("<H", header, 54)
        (count,) = struct.unpack_from("<H", header, 56)
        for number in range(count):
            file.seek(first + size[0] * number)
            kind, _, at, _, start, length = struct.unpack("<IIQQQQ", file.read(40))
            if kind == PT_LOAD and start <= phys <= start + length - len(data):
                file.seek(at + phys - start)
                file.write(data)
                return
    raise AssertionError(f"no place for {phys:#x}")


@pytest.fixture(scope="module")
def places() -> Any:
    """What is where in 6.1-panic: physical addresses, a bio, an address that is left out."""
    import harness

    vmcore = harness.get("6.1-panic")
    (original,) = vmcore.forms["elf-d31"]
    with tempfile.NamedTemporaryFile("w", suffix=".gdb") as script:
        script.write(PLACES)
        script.flush()
        run = gdb(f"target kdump {original}", f"source {script.name}", args=[vmcore.vmlinux])
    found = re.search(r"^PLACES (.*)$", run.out, re.MULTILINE)
    assert found, run.out + run.err
    physical = {name: phys for name, (_, phys) in json.loads(found[1]).items()}
    bio, left_out = (
        int(re.search(rf"^{name} (\d+)$", run.out, re.MULTILINE)[1]) for name in ("BIO", "LEFT OUT")
    )
    return vmcore, physical, bio, left_out


def report_of(places: Any, path: Path, written: dict[str, bytes]) -> Any:
    """The report on a copy of the dump in which this was written."""
    vmcore, physical, *_ = places
    (original,) = vmcore.forms["elf-d31"]
    shutil.copy(original, path)
    path.chmod(0o600)
    for name, data in written.items():
        overwrite(path, physical[name], data)
    run = launch(vmcore.vmlinux, path, "--batch", "-c", "pykdump hanginfo --json")
    path.unlink()
    return run.json()


@pytest.fixture(scope="module")
def damaged(places: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The report on a copy of 6.1-panic with nonsense in it."""
    vmcore, _, bio, _ = places
    words = ("owner", "count", "rwsem owner", "task", "next")
    written = {name: struct.pack("<Q", NONSENSE) for name in words}
    written["bio"] = struct.pack("<Q", bio)  # a bio that follows itself
    written["frozen"] = struct.pack("<I", 77)
    return vmcore, report_of(places, tmp_path_factory.mktemp("damaged") / "vmcore", written)


@pytest.mark.usefixtures("plugin")
def test_damage_is_marked_and_the_rest_is_told(damaged: tuple[Vmcore, Any]) -> None:
    vmcore, found = damaged
    waits = {wait["comm"]: wait for wait in found["waits"]}
    warnings = " ".join(found["warnings"])

    # an owner that is no task
    assert waits["pykd_mutex_1"]["kind"] == "mutex" and waits["pykd_mutex_1"]["holders"] == []
    assert f"{NONSENSE:#x} is no task" in warnings
    # a rw_semaphore whose words make no sense
    assert waits["pykd_reader"]["kind"] == "rwsem"
    assert all(
        holder["pid"] in {t["pid"] for t in vmcore.facts["tasks"]}
        for holder in waits["pykd_reader"]["holders"]
    )
    # waiters that name nobody, or are not linked
    assert waits["pykd_semaphore"]["node"] == "" and waits["pykd_writer"]["node"] == ""
    # a request whose bios go round
    assert "bios end or repeat" in warnings
    planted = vmcore.facts["planted"]["scsi_inflight"]
    request = next(w for w in found["waits"] if w["pid"] == planted["pid"])
    assert request["kind"] == "block_request"
    # a freeze state that there is not
    assert any("freeze state 77" in node["text"] for node in found["nodes"])
    # the others as ever
    assert waits["stat"]["kind"] == "rpc" and waits["flock-waiter"]["holders"]
    assert len(found["warnings"]) < 10


@pytest.mark.usefixtures("plugin")
def test_chains_into_a_page_that_is_left_out_end_there(places: Any, tmp_path: Path) -> None:
    vmcore, _, _, left_out = places
    out = struct.pack("<Q", left_out)
    names = ("owner", "waiters", "transport", "private", "bio")
    found = report_of(places, tmp_path / "vmcore", dict.fromkeys(names, out))
    waits = {wait["comm"]: wait for wait in found["waits"]}
    nodes = {node["key"]: node for node in found["nodes"]}
    warnings = " ".join(found["warnings"])

    assert waits["pykd_mutex_1"]["holders"] == [] and f"{left_out:#x} is no task" in warnings
    assert waits["pykd_reader"]["kind"] == "rwsem" and waits["pykd_reader"]["state"] == "D"
    # a call whose transport cannot be read, a request whose second bio cannot
    assert waits["python3"]["kind"] == "rpc" and nodes[waits["python3"]["node"]]
    assert waits["stat"]["kind"] == "rpc" and "bios end or repeat" in warnings
    # a suspended device whose driver's part cannot be read is still told to have frozen it
    (disk,) = [node for node in nodes.values() if node["text"].startswith("dm device dm-0 ")]
    assert "froze its file system" in disk["text"]
    blocked = {t["pid"] for t in vmcore.facts["tasks"] if t["state"] == "D"}
    assert len(blocked - {wait["pid"] for wait in found["waits"]}) <= 2  # woken before the dump


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("word", [0, 1, 7, 0x10, (1 << 64) - 1, (1 << 63) + 8])
def test_words_that_no_pointer_can_be_cost_only_what_they_are_of(
    places: Any, tmp_path: Path, word: int
) -> None:
    names = ("owner", "count", "rwsem owner", "task", "next", "waiters", "transport", "private")
    written = {name: struct.pack("<Q", word) for name in (*names, "bio")}
    written |= {"cpu": struct.pack("<I", 0xFFFF_8000), "flock": struct.pack("<I", 0x7FFF_FFFF)}
    found = report_of(places, tmp_path / "vmcore", written)
    waits = {wait["comm"]: wait for wait in found["waits"]}
    assert waits["pykd_mutex_1"]["kind"] == "mutex" and waits["pykd_mutex_1"]["holders"] == []
    assert waits["flock-waiter"]["holders"] == [] and waits["posix-waiter"]["holders"]
    assert waits["vfork-parent"]["kind"] == "vfork" and waits["pykd_d_state"]["node"]
    assert any("its CPU 4294934528 makes no sense" in warning for warning in found["warnings"])
