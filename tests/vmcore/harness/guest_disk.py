# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest boots from: a Debian root file system, an initramfs, and the disks it is handed."""

from __future__ import annotations

import io
import lzma
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .cache import digest, piece
from .kernels import INITRAMFS_MODULES, Kernel
from .other_releases import DEBIAN_MIRROR
from .steps import run, step

_TESTS = Path(__file__).parent.parent
#: What a guest's plan disk holds, by the name of its folder.
GUEST_SOURCES = {
    "guest": [_TESTS / "guest"],
    "hangs": [_TESTS / "hangs", _TESTS / "guest/facts.py", _TESTS / "guest/planting.py"],
}
GUEST_PACKAGES = (
    "dmsetup,e2fsprogs,iproute2,iptables,kexec-tools,kmod,lsscsi,lvm2,makedumpfile,mdadm,"
    "multipath-tools,nfs-common,nfs-kernel-server,procps,python3,rpcbind,util-linux,xfsprogs"
)

# The root file system's init: everything else is done by guest/init of the plan disk.  As a kdump
# kernel's, it writes the dump to the fourth disk, by the makedumpfile of the root file system.
_INITRAMFS_INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
for module in /modules/*; do /bin/busybox insmod "$module"; done
mode=rw
[ ! -e /proc/vmcore ] || mode=ro,noload
tries=0
until /bin/busybox mount -t ext4 -o $mode /dev/vda /root; do
    tries=$((tries + 1)); [ $tries -lt 20 ] || exec /bin/busybox poweroff -f
    /bin/busybox sleep 1
done
if [ -e /proc/vmcore ]; then
    /bin/busybox mount -t proc proc /root/proc
    /bin/busybox mount -t tmpfs tmp /root/tmp
    /bin/busybox chroot /root makedumpfile -F -l -d 31 /proc/vmcore >/dev/vdd 2>/dev/ttyS0 &&
        /bin/busybox sync && echo "PYKDUMP: kdump is written" >/dev/ttyS0 ||
        echo "PYKDUMP: failed to write the kdump" >/dev/ttyS0
    exec /bin/busybox sleep 1000
fi
/bin/busybox mkdir -p /root/pykdump
/bin/busybox tar -x -f /dev/vdb -C /root/pykdump
/bin/busybox umount /proc /dev
exec /bin/busybox switch_root /root /pykdump/init
"""


@dataclass(frozen=True)
class BootFiles:
    """Root disk (never written: QEMU's snapshot mode) and initramfs for one kernel."""

    directory: Path

    @property
    def disk(self) -> Path:
        return self.directory / "root.img"

    @property
    def initramfs(self) -> Path:
        return self.directory / "initramfs.cpio"


def root_stamp() -> str:
    return digest("root-1", GUEST_PACKAGES)


def get_root() -> Path:
    """The Debian tree that every guest shares."""
    return piece("root", root_stamp(), _debootstrap)


def _debootstrap(work: Path) -> None:
    tree = work / "tree"
    command = ["debootstrap", "--variant=minbase", f"--include={GUEST_PACKAGES}", "bookworm"]
    run([*command, tree, DEBIAN_MIRROR], timeout_s=600)
    shutil.rmtree(tree / "var/cache/apt/archives")


def get_boot_files(name: str, kernel: Kernel) -> BootFiles:
    """Disk and initramfs for the kernel ``name``."""
    modules_stamp = digest((kernel.directory / ".stamp").read_text(), root_stamp())
    stamp = digest("boot-3", modules_stamp, INITRAMFS_MODULES, _INITRAMFS_INIT)
    root = get_root()
    return BootFiles(piece(f"boot/{name}", stamp, lambda work: _make(root, kernel, work)))


def _make(root: Path, kernel: Kernel, work: Path) -> None:
    with step(f"root disk for {kernel.release}"):
        tree = work / "tree"
        # Hard links: the modules are added to a copy that costs no space.
        run(["cp", "-al", root / "tree", tree])
        target = tree / "lib/modules"
        target.mkdir(exist_ok=True)
        # Not our own module, which comes on the plan disk: it changes more often than this one.
        shutil.copytree(
            kernel.modules / "lib/modules" / kernel.release,
            target / kernel.release,
            ignore=shutil.ignore_patterns("updates"),
        )
        run(["mke2fs", "-q", "-t", "ext4", "-d", tree, work / "root.img", "1800M"])
        shutil.rmtree(tree)
    _make_initramfs(kernel, work)


def _make_initramfs(kernel: Kernel, work: Path) -> None:
    files: list[Path] = []
    for module in INITRAMFS_MODULES:
        files += [path for path in kernel.load_order(module) if path not in files]
    write_initramfs(work / "initramfs.cpio", _INITRAMFS_INIT, files)


def write_initramfs(
    path: Path, init: str, modules: Sequence[Path], programs: Sequence[Path] = ()
) -> None:
    """Write an initramfs of busybox, ``programs``, ``init`` and ``modules`` to insert in order."""
    tree = path.with_suffix(".tree")
    (tree / "bin").mkdir(parents=True)
    (tree / "modules").mkdir()
    shutil.copy("/bin/busybox", tree / "bin/busybox")
    (tree / "bin/sh").symlink_to("busybox")
    for program in programs:
        shutil.copy(program, tree / "bin")
    for number, module in enumerate(modules):
        raw = module.read_bytes()
        raw = lzma.decompress(raw) if module.suffix == ".xz" else raw
        (tree / f"modules/{number:02}-{module.name.removesuffix('.xz')}").write_bytes(raw)
    (tree / "init").write_text(init)
    (tree / "init").chmod(0o755)
    pack = 'cd "$1" && find . | busybox cpio -o -H newc > "$2"'
    run(["sh", "-c", pack, "sh", tree, path])
    shutil.rmtree(tree)


def write_plan_disk(path: Path, sources: Sequence[Path], settings: dict[str, str]) -> None:
    """Write the disk that tells the guest what to do: files, those of folders, its settings."""
    with tarfile.open(path, "w") as tar:
        for source in sources:
            for file in sorted(source.iterdir()) if source.is_dir() else [source]:
                if file.is_file():
                    tar.add(file, file.name)
        text = "".join(f"{key}={value}\n" for key, value in settings.items()).encode()
        entry = tarfile.TarInfo("settings")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    _pad(path)


def _pad(path: Path) -> None:
    # A virtio disk is made of whole sectors.
    with open(path, "r+b") as disk:
        disk.truncate(-(-path.stat().st_size // 4096) * 4096)
