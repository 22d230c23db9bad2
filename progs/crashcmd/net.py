# SPDX-License-Identifier: GPL-2.0-or-later
"""Network: devices, neighbours, and sockets of tasks.

WHAT, for -s and -S, is a pid or the address of a task_struct; without it the selected task.

Columns: NET_DEVICE (struct net_device), NAME, IP ADDRESS(ES); of -a NEIGHBOUR (struct neighbour),
IP ADDRESS, HW TYPE, HW ADDRESS, DEVICE, STATE; of -s FD, SOCKET (struct socket), SOCK (struct
sock), FAMILY:TYPE, SOURCE-PORT, DESTINATION-PORT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashcmd import context, struct, values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import net_devices, sockets
from LinuxDump.sockets import Socket
from LinuxDump.task_records import Task
from pykdump import lowlevel
from pykdump.errors import CrashError
from pykdump.layout import Layout

_PROXY = Layout("struct task_struct", "nsproxy.net_ns")
_FILES = Layout("struct task_struct", "files")
_HARDWARE = {1: "ETHER", 32: "INFINIBAND", 512: "PPP", 772: "LOOPBACK"}


def collect(given: Given) -> Text:
    if "-a" in given:
        return text(_neighbours())
    if "-s" in given or "-S" in given:
        return text(_sockets(given))
    if "-N" in given:
        return text(_number(given))
    return text(_devices(given))


def _devices(given: Given) -> Iterator[str]:
    net = 0
    if "-n" in given and given.words:
        row = _PROXY.read(context.named(given.words[:1])[0].addr)
        net = 0 if row is None else row.nsproxy_net_ns or 0
        if not net:
            raise CrashError(f"task {given.words[0]} has no network namespace: it is exiting")
    elif given.words:
        raise given.error(f"{given.words[0]} is unknown here; see: crash help net")
    yield "   NET_DEVICE     NAME       IP ADDRESS(ES)"
    for device in net_devices.net_devices(net):
        yield f"{device.addr:x}  {device.name:10} {', '.join(device.addresses)}"


def _neighbours() -> Iterator[str]:
    yield "NEIGHBOUR        IP ADDRESS      HW TYPE    HW ADDRESS         DEVICE  STATE"
    for n in net_devices.arp_neighbours():
        kind = _HARDWARE.get(n.hardware_type, "UNKNOWN")
        hardware = ":".join(f"{byte:02x}" for byte in n.hardware)
        yield (
            f"{n.addr:x} {n.ip:15} {kind:10} {hardware:18} {n.device:7} {'|'.join(n.states)}"
        ).rstrip()


def _sockets(given: Given) -> Iterator[str]:
    for found in each_task(context.named(given.words), given):
        yield from found


def each_task(tasks: Sequence[Task], given: Given) -> Iterator[tuple[str, str]]:
    """Header and text of each task's sockets; threads share theirs, which are read once."""
    reference = values.find_address(given.value("-R") or "") if "-R" in given else None
    known: dict[int, str] = {}
    rows = _FILES.read_many([task.addr for task in tasks])
    for task, row in zip(tasks, rows):
        key = task.addr if row is None else row.files
        if key not in known:
            found = sockets.sockets_of(task.addr)
            if "-R" in given:
                found = [s for s in found if reference in (s.addr, s.sock_addr)]
            known[key] = "\n".join(_socket_lines(found, given))
        if known[key] or "-R" not in given:
            yield context.header(task), known[key] or "No open sockets."


def _socket_lines(found: Sequence[Socket], given: Given) -> Iterator[str]:
    if found and "-S" not in given:
        yield "FD      SOCKET            SOCK       FAMILY:TYPE SOURCE-PORT DESTINATION-PORT"
    for s in found:
        if "-S" in given:
            yield "FD       SOCKET             SOCK"
            yield f"{s.fd:2}  {s.addr:x}  {s.sock_addr:x}"
            yield ""
            yield from struct.shown("struct socket", [], s.addr, given)
            if s.sock_addr:
                yield from struct.shown(_sock_type(s), [], s.sock_addr, given)
            yield ""
            continue
        kind = f"{s.family}:{s.type}"
        yield (
            f"{s.fd:2}  {s.addr:x}  {s.sock_addr:x} {kind:12} {s.source} {s.destination}"
        ).rstrip()


def _sock_type(found: Socket) -> str:
    # Crash takes all for inet_sock, which is what those of these families begin with.
    is_inet = found.family in ("INET", "INET6") and lowlevel.find_member("struct inet_sock", "sk")
    return "struct inet_sock" if is_inet else "struct sock"


def _number(given: Given) -> Iterator[str]:
    word = given.value("-N") or ""
    number = values.hex_number(word)
    parts = [str(number >> shift & 255) for shift in (0, 8, 16, 24)]
    yield ".".join(parts)


COMMANDS = (
    Command(
        "net",
        "[WHAT ...]",
        collect,
        options=(
            Option("-a", "neighbours of IPv4 (ARP)", alone=True),
            Option("-s", "sockets of a task"),
            Option("-S", "the same with struct socket and struct sock"),
            Option("-R", "only tasks with this socket or sock", "ADDRESS"),
            Option("-n", "devices of a task's network namespace, WHAT"),
            Option("-x", "of -S numbers in hexadecimal"),
            Option("-d", "of -S numbers in decimal"),
            Option("-N", "a number in hexadecimal as IPv4 address", "NUMBER"),
        ),
    ),
)
