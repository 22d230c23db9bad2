# SPDX-License-Identifier: GPL-2.0-or-later
"""Names out of the kernel as text that can be printed."""

from __future__ import annotations

from LinuxDump import kernel_text


def test_utf8_stays_and_what_is_not_is_escaped() -> None:
    assert kernel_text.text("smörgås".encode()) == "smörgås"
    assert kernel_text.text(b"caf\xe9") == "caf\\xe9"
    assert kernel_text.text(b"a\nb\x1b[31m") == "a\\nb\\x1b[31m"
