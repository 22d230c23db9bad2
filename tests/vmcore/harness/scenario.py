# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenarios: which kernel dies of what, and which dump files come of it."""

from __future__ import annotations

from dataclasses import dataclass, field

CPU_4_LEVEL = "max,-la57"
# QEMU 7.2's TCG computes wrong flags for cmpxchg16b, over which kernels from 6.12 on trip at boot.
CPU_5_LEVEL = "max,-cx16"

END_OF_PANIC = "---[ end Kernel panic"
KDUMP_WRITTEN = "PYKDUMP: kdump is written"


@dataclass(frozen=True)
class Scenario:
    """One guest, one death, several dump files of the same instant."""

    name: str
    kernel: str
    trigger: str  #: what the guest does when its facts are written: see guest/facts.py
    cpu: str
    forms: tuple[str, ...]
    arguments: str = ""  #: kernel arguments besides those of every guest
    vmcoreinfo: bool = True  #: whether QEMU and the guest's qemu_fw_cfg add the VMCOREINFO note
    inject_nmi: bool = False
    kdump: bool = False  #: the guest's kdump kernel writes the dump, not QEMU
    dies_with: str | None = END_OF_PANIC  #: text on the console before the dump; None: dumped alive
    #: folder of what the guest does, in tests/vmcore: "guest" plants everything
    guest: str = field(default="guest", repr=False)
    memory_mib: int = field(default=1024, repr=False)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "6.1-panic",
            kernel="6.1",
            trigger="sysrq",
            cpu=CPU_4_LEVEL,
            forms=("elf", "flat", "zlib", "lzo", "snappy", "d31-zstd", "split", "elf-d31"),
        ),
        Scenario(
            "6.12-alive",
            kernel="6.12",
            trigger="none",
            cpu=CPU_5_LEVEL,
            forms=("elf", "flat", "zlib", "d31-zstd"),
            dies_with=None,
        ),
        Scenario(
            "6.1-nmi",
            kernel="6.1",
            trigger="lockup",
            cpu=CPU_4_LEVEL,
            forms=("elf", "zlib"),
            arguments="unknown_nmi_panic",
            vmcoreinfo=False,
            inject_nmi=True,
        ),
        Scenario(
            "6.12-irqfault",
            kernel="6.12",
            trigger="irqfault",
            cpu=CPU_5_LEVEL,
            forms=("elf", "zlib"),
        ),
        Scenario(
            "6.1-kdump",
            kernel="6.1",
            trigger="taskfault",
            cpu=CPU_4_LEVEL,
            forms=("flat", "d31-lzo"),
            arguments="crashkernel=256M",
            kdump=True,
            dies_with=KDUMP_WRITTEN,
        ),
        Scenario(
            "5.10-panic",
            kernel="5.10",
            trigger="sysrq",
            cpu=CPU_4_LEVEL,
            forms=("elf", "zlib"),
        ),
        Scenario(
            "newest-alive",
            kernel="newest",
            trigger="none",
            cpu=CPU_5_LEVEL,
            forms=("elf", "zlib"),
            dies_with=None,
        ),
    )
}

#: Guests that only hang, in many ways.
HANGS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "6.1-hangs",
            kernel="6.1",
            trigger="sysrq",
            cpu=CPU_4_LEVEL,
            forms=("lzo",),
            guest="hangs",
            memory_mib=512,
        ),
        Scenario(
            "6.12-hangs",
            kernel="6.12",
            trigger="none",
            cpu=CPU_5_LEVEL,
            forms=("lzo",),
            dies_with=None,
            guest="hangs",
            memory_mib=512,
        ),
    )
}
