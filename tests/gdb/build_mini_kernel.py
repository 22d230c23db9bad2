#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Build the mini kernel: `build_mini_kernel.py OUTPUT [-DOLD_TASK] [-DPERCPU_IN_IMAGE]`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = ("mini_kernel.c", "mini_conformance.c", "mini_tables.c", "mini_slab.c")
FLAGS = (
    "-g -O0 -std=gnu11 -Wall -Wextra -Werror -ffreestanding -nostdlib -static -no-pie -fno-pie "
    "-mcmodel=kernel -mno-red-zone -fno-omit-frame-pointer -fno-stack-protector "
    "-fcf-protection=none -fno-asynchronous-unwind-tables -fno-common "
    "-Wl,--build-id=sha1 -Wl,--emit-relocs -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments"
).split()


def build_mini_kernel(output: Path, defines: Sequence[str] = ()) -> Path:
    """Compile and link the mini kernel; raises CalledProcessError with the compiler's words shown."""
    # At 0, as x86 linked .data..percpu before v6.15, or where the image is.
    percpu_address = "." if "-DPERCPU_IN_IMAGE" in defines else "0"
    script = output.with_suffix(".ld")
    text = (HERE / "mini_kernel.ld").read_text()
    script.write_text(text.replace("PERCPU_ADDRESS", percpu_address))
    sources = [str(HERE / source) for source in SOURCES]
    # Paths in the debuginfo are relative, so that the build-id does not depend on the checkout.
    prefix = [f"-ffile-prefix-map={HERE}=."]
    command = ["gcc", *FLAGS, *prefix, *defines, f"-Wl,-T,{script}", *sources, "-o", str(output)]
    subprocess.run(command, check=True)
    return output


if __name__ == "__main__":
    build_mini_kernel(Path(sys.argv[1]), sys.argv[2:])
