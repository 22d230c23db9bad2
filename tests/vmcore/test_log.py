# SPDX-License-Identifier: GPL-2.0-or-later
"""`pykdump log` beside what dmesg printed in the guest, and the panic on its console."""

from __future__ import annotations

import re

from gdb_run import launch

from harness import Vmcore


def test_the_log_is_what_dmesg_showed_and_ends_with_the_panic(vmcore: Vmcore) -> None:
    files = next(iter(vmcore.forms.values()))
    run = launch(vmcore.vmlinux, *files, "--batch", "-c", "pykdump log")
    log = [line for line in run.out.splitlines() if re.match(r"\[ *\d+\.\d{6}\] | {15}", line)]
    dmesg = vmcore.facts["commands"]["dmesg"].rstrip("\n").split("\n")
    assert log[: len(dmesg)] == dmesg

    panics = re.findall(r"Kernel panic - not syncing: .*", vmcore.console)
    assert [line for line in log if panics and panics[0].strip() in line] or not panics
