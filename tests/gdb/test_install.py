# SPDX-License-Identifier: GPL-2.0-or-later
"""What `meson install` lays out works by itself, without the source tree and the build folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from gdb_run import BUILD
from mini_dump import MiniDump


@pytest.fixture(scope="module")
def installed(plugin: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PREFIX of an installation, moved to another place as a package's content is."""
    if not shutil.which("meson"):
        pytest.skip("meson is missing; packaging/install-deps build installs it")
    staged = tmp_path_factory.mktemp("staged")
    command = ["meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir", str(staged)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (launcher,) = staged.glob("**/bin/pykdump")
    return launcher.parent.parent


def run(*words: object) -> str:
    """Standard output of a command that knows nothing of the build folder and must succeed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYKDUMP")}
    done = subprocess.run(
        [str(word) for word in words],
        env=env,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_installed_launcher_opens_a_dump(installed: Path, panicked: MiniDump) -> None:
    launcher = installed / "bin" / "pykdump"
    output = run(
        *(launcher, "--nx", "--batch", panicked.vmlinux, panicked.vmcore),
        *("-c", "python import pykdump._accel; print(pykdump._accel.__file__)"),
        *("-c", "p init_task.comm"),
    )
    assert "swapper/0" in output
    assert str(installed) in output and str(BUILD) not in output


def test_installed_init_script_opens_a_dump(installed: Path, panicked: MiniDump) -> None:
    init = installed / "lib" / "pykdump" / "gdb-plugin" / "pykdump-init.py"
    opening = f"pykdump open --vmlinux {panicked.vmlinux} {panicked.vmcore}"
    output = run("gdb", "-nx", "-batch", "-x", init, "-ex", opening, "-ex", "p init_task.comm")
    assert "swapper/0" in output


def test_installation_holds_no_leftovers(installed: Path) -> None:
    leftovers = [path for path in installed.rglob("*") if path.suffix in (".pyc", ".orig", ".tmp")]
    assert leftovers == []
