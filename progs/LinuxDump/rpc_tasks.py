# SPDX-License-Identifier: GPL-2.0-or-later
"""RPC tasks (include/linux/sunrpc): which call to which server, by which transport, how old."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from LinuxDump import timekeeping
from LinuxDump.kernel_text import string_at
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout

_TASK = Layout(
    "struct rpc_task",
    *("tk_runstate", "tk_flags", "tk_status", "tk_client", "tk_xprt", "tk_rqstp", "tk_start"),
    *("tk_waitqueue", "tk_msg.rpc_proc", "tk_timeouts"),
)
_REQUEST = Layout("struct rpc_rqst", "rq_xid", "rq_ntrans", "rq_retries", "rq_xprt")
_CLIENT = Layout("struct rpc_clnt", "cl_vers", "cl_program.name", "cl_xprt")
_XPRT = Layout("struct rpc_xprt", "state", "servername", "address_strings", "snd_task")
_PROCEDURE = Layout("struct rpc_procinfo", "p_name")

# include/linux/sunrpc/xprt.h: XPRT_*
XPRT_STATES = {
    **{0: "locked", 1: "connected", 2: "connecting", 3: "close wait", 4: "bound", 5: "binding"},
    **{6: "closing", 7: "offline", 8: "to be removed", 9: "congested", 10: "waiting for window"},
    **{11: "waiting for space to write"},
}
#: Numbers in ``enum rpc_display_format_t``.
_DISPLAY = ("address", "port", "protocol")
_TEXT_MAX = 256


@dataclass(frozen=True)
class Transport:
    """A ``struct rpc_xprt``."""

    addr: int
    server: str  #: its name
    address: str
    port: str
    protocol: str  #: tcp, udp, rdma, ...
    state: int  #: see XPRT_STATES

    @property
    def states(self) -> list[str]:
        """Its state in words."""
        return [name for bit, name in XPRT_STATES.items() if self.state >> bit & 1]


@dataclass(frozen=True)
class RpcTask:
    """A ``struct rpc_task``."""

    addr: int
    program: str  #: nfs, mount, ...
    version: int
    procedure: str
    waits_in: str  #: name of the RPC wait queue that it is on, "" for none
    age_ns: int | None
    major_timeouts: int
    xid: int  #: as on the wire, 0 while it has no request
    transmissions: int
    transport: Transport | None


def task_of_runstate(word: int) -> int:
    """``struct rpc_task *`` with its ``tk_runstate`` at this address."""
    return word - lowlevel.member("struct rpc_task", "tk_runstate").offset


def read_rpc_task(addr: int) -> RpcTask | None:
    """The RPC task at this address; None when it cannot be read.

    :param addr: ``struct rpc_task *``.
    """
    row = _TASK.read(addr)
    if row is None:
        return None
    client = _CLIENT.read(row.tk_client)
    request = _REQUEST.read(row.tk_rqstp) if row.tk_rqstp else None
    xprt = row.tk_xprt or (client.cl_xprt if client is not None else 0)
    procedure = _PROCEDURE.read(row.tk_msg_rpc_proc)
    now = timekeeping.monotonic_ns()
    return RpcTask(
        addr,
        _text(client.cl_program_name) if client is not None else "?",
        client.cl_vers if client is not None else 0,
        (_text(procedure.p_name) if procedure is not None and procedure.p_name else "") or "?",
        _queue_name(row.tk_waitqueue),
        None if now is None else max(0, now - row.tk_start),
        row.tk_timeouts,
        int.from_bytes(request.rq_xid.to_bytes(4, "little"), "big") if request is not None else 0,
        request.rq_ntrans if request is not None else 0,
        read_transport(xprt) if xprt else None,
    )


def read_transport(addr: int) -> Transport | None:
    """The transport at this address; None when it cannot be read.

    :param addr: ``struct rpc_xprt *``.
    """
    row: Any = _XPRT.read(addr)
    if row is None:
        return None
    strings = lowlevel.member("struct rpc_xprt", "address_strings").offset
    texts = [_text(_pointer(addr + strings + 8 * at)) for at in range(len(_DISPLAY))]
    return Transport(addr, _text(row.servername), texts[0], texts[1], texts[2], row.state)


def _queue_name(queue: int) -> str:
    # There with CONFIG_SUNRPC_DEBUG or tracepoints.
    if not queue or not compat.has("struct rpc_wait_queue.name"):
        return ""
    return _text(_pointer(queue + lowlevel.member("struct rpc_wait_queue", "name").offset))


def _pointer(addr: int) -> int:
    try:
        return lowlevel.read_pointer(addr)
    except ReadError:
        return 0


def _text(addr: int | None) -> str:
    return string_at(addr, _TEXT_MAX) if addr else ""
