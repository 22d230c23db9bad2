# SPDX-License-Identifier: GPL-2.0-or-later
import gdb

class Unwinder:
    name: str
    enabled: bool
    def __init__(self, name: str) -> None: ...
    def __call__(self, pending_frame: gdb.PendingFrame) -> gdb.UnwindInfo | None: ...

def register_unwinder(
    locus: gdb.Objfile | None, unwinder: Unwinder, replace: bool = False
) -> None: ...
