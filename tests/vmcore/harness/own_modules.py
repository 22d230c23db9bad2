# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own modules, built for each kernel: a piece ``modules/KERNEL``, ``modules/KERNEL-NAME``.

They are copied among the kernel's modules too, with their debug info, where readers of a dump look.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .cache import cache_root, digest, is_fresh, piece
from .kernels import KERNEL_SOURCES, Kernel
from .steps import run

_TESTS = Path(__file__).parent.parent
_OLDER_KERNELS = _TESTS / "older_kernels.h"


@dataclass(frozen=True)
class OwnModule:
    """A module of ours; ``piece_suffix`` tells its pieces from another's."""

    name: str
    source: Path
    piece_suffix: str

    def installed(self, kernel: Kernel) -> Path:
        """The file that a guest loads, without debug info."""
        return kernel.modules / "lib/modules" / kernel.release / f"updates/{self.name}.ko"


TEST_MODULE = OwnModule("pykdump_test", _TESTS / "module", "")
HANG_MODULE = OwnModule("pykdump_hang", _TESTS / "hangs/module", "-hang")
PANIC_MODULE = OwnModule("pykdump_panic", _TESTS / "panics/module", "-panic")


def _stamp(module: OwnModule, kernel_name: str, kernel: Kernel) -> str:
    return digest("module-1", KERNEL_SOURCES[kernel_name], module.source, kernel.release)


def _piece_name(module: OwnModule, kernel_name: str) -> str:
    return f"modules/{kernel_name}{module.piece_suffix}"


def is_built(module: OwnModule, kernel_name: str, kernel: Kernel) -> bool:
    """Whether the cache has ``module`` of the present source."""
    built = cache_root() / _piece_name(module, kernel_name)
    return is_fresh(built, _stamp(module, kernel_name, kernel))


def get_own_module(module: OwnModule, kernel_name: str, kernel: Kernel) -> Path:
    """The file of ``module`` for a guest, built when the cache does not have it."""
    built = piece(
        _piece_name(module, kernel_name),
        _stamp(module, kernel_name, kernel),
        lambda work: _build(module, kernel_name, kernel, work),
    )
    _install(module, kernel, built)
    return module.installed(kernel)


def _build(module: OwnModule, kernel_name: str, kernel: Kernel, work: Path) -> None:
    headers = kernel.directory / "headers"
    tree = headers / "usr/src" / f"linux-headers-{kernel.release}"
    # Debian's header trees name each other by absolute path, as if they were installed.
    for makefile in (tree / "Makefile", tree / ".kernelvariables"):
        if makefile.is_file():
            text = makefile.read_text()
            fixed = re.sub(r"(?<![\w./-])/usr/(src|lib)/linux-", rf"{headers}/usr/\1/linux-", text)
            makefile.write_text(fixed)
    for path in module.source.iterdir():
        shutil.copy(path, work)
    compiler = KERNEL_SOURCES[kernel_name].compiler
    command: list[str | Path] = ["make", "-C", tree, f"M={work}", f"CC={compiler}"]
    command += [f"KCFLAGS=-include {_OLDER_KERNELS}", *KERNEL_SOURCES[kernel_name].make_options]
    command += ["CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"]  # no pahole needed
    run(command, timeout_s=300)
    run(["cp", work / f"{module.name}.ko", work / "stripped.ko"])
    run(["strip", "--strip-debug", work / "stripped.ko"])


def _install(module: OwnModule, kernel: Kernel, built: Path) -> None:
    release = kernel.release
    for target, file in (
        (f"lib/modules/{release}/updates", "stripped.ko"),
        (f"usr/lib/debug/lib/modules/{release}/updates", f"{module.name}.ko"),
    ):
        copy = kernel.modules / target / f"{module.name}.ko"
        source = built / file
        if not copy.exists() or copy.stat().st_mtime_ns != source.stat().st_mtime_ns:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
            run(["depmod", "-b", kernel.modules, release])
