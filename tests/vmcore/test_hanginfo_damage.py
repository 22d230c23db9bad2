# SPDX-License-Identifier: GPL-2.0-or-later
"""hanginfo on a copy of a dump in which locks, waiters and requests were overwritten."""

from __future__ import annotations

import json
import re
import shutil
import struct
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
from LinuxDump import block_requests
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
print("PLACES", json.dumps({
    name: (at, lowlevel.dump().translate(at)) for name, at in places.items()}))
print("BIO", request.bios[0].addr)
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
def damaged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The report on a copy of 6.1-panic with nonsense in it."""
    import harness

    vmcore = harness.get("6.1-panic")
    (original,) = vmcore.forms["elf-d31"]
    folder = tmp_path_factory.mktemp("damaged")
    script = folder / "places.gdb"
    script.write_text(PLACES)
    run = gdb(f"target kdump {original}", f"source {script}", args=[vmcore.vmlinux])
    found = re.search(r"^PLACES (.*)$", run.out, re.MULTILINE)
    assert found, run.out + run.err
    places = {name: phys for name, (_, phys) in json.loads(found[1]).items()}
    bio = int(re.search(r"^BIO (\d+)$", run.out, re.MULTILINE)[1])
    copy = folder / "vmcore"
    shutil.copy(original, copy)
    copy.chmod(0o600)
    for name in "owner", "count", "rwsem owner", "task", "next":
        overwrite(copy, places[name], struct.pack("<Q", NONSENSE))
    overwrite(copy, places["bio"], struct.pack("<Q", bio))  # a bio that follows itself
    overwrite(copy, places["frozen"], struct.pack("<I", 77))
    run = launch(vmcore.vmlinux, copy, "--batch", "-c", "pykdump hanginfo --json")
    report = run.json()
    copy.unlink()
    return vmcore, report


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
