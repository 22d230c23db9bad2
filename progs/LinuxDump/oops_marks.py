# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of the log at which a report of the kernel's begins and ends, as regular expressions."""

from __future__ import annotations

#: What panic() says when it ends what an oops began.
GENERIC_PANIC = (
    r"^Fatal exception$",
    r"^Fatal exception in interrupt$",
    r"^fatal exception",
    r"^Fatal exception: panic_on_oops",
    r"^oops$",
)

#: The first lines of an oops, and those that may stand before the one that numbers it.
BEGINNINGS = (
    r"^BUG: (?!Bad|workqueue)",
    r"^-+\[ cut here \]-+",
    r"^kernel BUG at ",
    r"^list_(add|del) corruption",
    r"^(usercopy|fortify|CFI failure|detected buffer overflow)",
    r"^traps: ",
    r"^PANIC: ",
    r"^general protection fault",
    r"^kernel tried to (execute|access)",
    r"^unable to execute userspace code",
    r"^#PF: ",
    r"^PGD ",
    r"^IP: ",
    r"^Unable to handle kernel",
    r"^divide error",
    r"^refcount_t: ",
)

#: The line that numbers an oops: "Oops: 0000 [#1]", "invalid opcode: 0000 [#2]".
OOPS = r"\[#(?P<number>\d+)\]"

#: The line that ends an oops.
ENDINGS = (r"^---\[ end trace", r"^---\[ end Kernel panic", r"^---\[ end [0-9a-f]+ \]")
