# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtual machine: QEMU without hardware virtualisation, steered over QMP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .steps import HarnessError

_CONSOLE_TAIL = 40


class Machine:
    """A running guest: its serial console so far, and QMP commands."""

    def __init__(self, process: subprocess.Popen[bytes], console: Path, qmp_socket: Path) -> None:
        self._process = process
        self._console = console
        self._qmp = self._connect(qmp_socket)
        self._replies = self._qmp.makefile("rb")
        self._reply()  # the greeting
        self.command("qmp_capabilities")

    def _connect(self, path: Path) -> socket.socket:
        deadline = time.monotonic() + 30
        client = socket.socket(socket.AF_UNIX)
        while True:
            try:
                client.connect(str(path))
                return client
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise self._error("QEMU did not start") from None
                time.sleep(0.1)

    def console_text(self) -> str:
        return (
            self._console.read_bytes().decode("utf-8", "replace") if self._console.exists() else ""
        )

    def wait_for_console(self, text: str, timeout_s: int, fatal: Sequence[str] = ()) -> None:
        """Wait until the guest prints ``text``; one of ``fatal`` ends the wait with an error."""
        deadline = time.monotonic() + timeout_s
        while True:
            seen = self.console_text()
            if text in seen:
                return
            for bad in fatal:
                if bad in seen:
                    time.sleep(2)  # the rest of its message
                    raise self._error(f"the guest said {bad!r} before {text!r}")
            if self._process.poll() is not None:
                raise self._error(f"QEMU ended before the guest said {text!r}")
            if time.monotonic() > deadline:
                raise self._error(f"the guest did not say {text!r} within {timeout_s} s")
            time.sleep(0.5)

    def command(self, name: str, *, timeout_s: int = 30, **arguments: Any) -> Any:
        """Run a QMP command and return its result."""
        self._qmp.settimeout(timeout_s)
        message = {"execute": name, "arguments": arguments} if arguments else {"execute": name}
        self._qmp.sendall(json.dumps(message).encode() + b"\n")
        while True:
            reply = self._reply()
            if "error" in reply:
                raise self._error(f"QMP command {name}: {reply['error'].get('desc')}")
            if "return" in reply:
                return reply["return"]

    def dump(self, path: Path, form: str = "elf") -> None:
        """Write guest memory to ``path``; every form but ``elf`` is written flattened."""
        arguments = {"paging": False, "protocol": f"file:{path}"}
        if form != "elf":
            arguments["format"] = form
        self.command("dump-guest-memory", timeout_s=300, **arguments)

    def _reply(self) -> dict[str, Any]:
        try:
            line = self._replies.readline()
        except TimeoutError:
            raise self._error("QEMU does not answer") from None
        if not line:
            raise self._error("QEMU closed its monitor")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _error(self, text: str) -> HarnessError:
        lines = self.console_text().splitlines()[-_CONSOLE_TAIL:]
        return HarnessError(text + "; serial console:\n" + "\n".join(lines))


@contextmanager
def run_machine(
    *,
    kernel: Path,
    initramfs: Path,
    disks: Sequence[str],
    cpu: str,
    kernel_arguments: str,
    console: Path,
    vmcoreinfo: bool = True,
    memory_mib: int = 1024,
) -> Iterator[Machine]:
    """Boot a guest of 2 CPUs; it is ended with the body."""
    with tempfile.TemporaryDirectory(prefix="pykdump-qmp-") as scratch:
        # A short path of its own: socket names are limited to 107 bytes.
        qmp_socket = Path(scratch) / "qmp"
        command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "2"]
        command += [
            "-m",
            str(memory_mib),
            "-cpu",
            cpu,
            "-nodefaults",
            "-display",
            "none",
            "-nic",
            "none",
        ]
        command += ["-kernel", str(kernel), "-initrd", str(initramfs), "-append", kernel_arguments]
        command += ["-serial", f"file:{console}", "-qmp", f"unix:{qmp_socket},server=on,wait=off"]
        for disk in disks:
            command += ["-drive", f"{disk},format=raw,if=virtio"]
        if vmcoreinfo:
            command += ["-device", "vmcoreinfo"]
        log = Path(scratch) / "log"
        with open(log, "wb") as errors:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors
            )
        try:
            yield Machine(process, console, qmp_socket)
        except HarnessError as error:
            said = log.read_text(errors="replace").strip()
            raise HarnessError(f"{error}\n{said}" if said else str(error)) from error
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, 9)
                process.wait(timeout=20)
