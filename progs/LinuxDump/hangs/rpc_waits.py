# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait for an RPC: the call, its transport, the server."""

from __future__ import annotations

from LinuxDump import rpc_tasks
from LinuxDump.hangs.finder import Finder, Target, key_of
from pykdump.errors import PykdumpError
from pykdump.logging import pylog


def target(finder: Finder, word: int, evidence: str) -> Target:
    """In rpc_wait_bit_killable().

    :param word: address of the bit's word: ``tk_runstate`` of the ``struct rpc_task``.
    """
    try:
        addr = rpc_tasks.task_of_runstate(word)
        key = add_rpc_task(finder, addr)
    except PykdumpError as error:
        pylog.warning(f"the RPC task with the bit at {word:#x} is not known: {error}")
        return Target("rpc", finder.add("bit", word, f"a bit at {word:#x}"), evidence=evidence)
    return Target("rpc", key, "reply", evidence=evidence, addr=addr)


def add_rpc_task(finder: Finder, addr: int) -> str:
    """The node of an RPC task, with its transport and server."""
    if finder.has("rpc_task", addr):
        return key_of("rpc_task", addr)
    task = rpc_tasks.read_rpc_task(addr)
    if task is None:
        pylog.warning(f"rpc_task {addr:#x}: page is not in the dump")
        return finder.add("rpc_task", addr, f"rpc_task {addr:#x}")
    times = "once" if task.transmissions == 1 else f"{task.transmissions} times"
    sent = f", sent {times}" if task.transmissions else ""
    where = f", in {task.waits_in}" if task.waits_in else ""
    text = f"RPC {task.program} v{task.version} {task.procedure} (rpc_task {addr:#x}{where}{sent})"
    key = finder.add("rpc_task", addr, text, task.age_ns)
    if task.transport is not None:
        finder.link(key, _add_transport(finder, task.transport), "over", "rpc_task.tk_xprt")
    return key


def _add_transport(finder: Finder, xprt: rpc_tasks.Transport) -> str:
    states = ", ".join(xprt.states) or "not connected"
    text = f"{xprt.protocol or '?'} transport {xprt.addr:#x} ({states})"
    key = finder.add("rpc_xprt", xprt.addr, text)
    port = f" port {xprt.port}" if xprt.port else ""
    address = f" ({xprt.address}{port})" if xprt.address else ""
    server_key = f"server {xprt.server} {xprt.address} {xprt.port}"
    if server_key not in finder.nodes:
        finder.add_with_key(server_key, "server", f"server {xprt.server or '?'}{address}")
    finder.link(key, server_key, "to", "rpc_xprt.address_strings")
    return key
