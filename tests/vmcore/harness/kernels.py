# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels: Debian's packages, unpacked beside the system and never installed.

A piece ``kernels/NAME`` holds::

    release                        what uname -r says in the guest
    boot/vmlinuz-RELEASE
    vmlinux                        with debug info and relocations
    modules/lib/modules/RELEASE/   all modules, as the package has them, and our own
    modules/usr/lib/debug/...      debug info of the modules that the guest loads
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .cache import cache_root, digest, is_fresh, piece
from .steps import HarnessError, run, step

# Modules that guests load, directly or through iptables and the file systems; what they depend on
# is added.  Only these get debug info: that of all modules together is 1.2 GB.
GUEST_MODULES = (
    "virtio_pci virtio_blk ext4 xfs qemu_fw_cfg scsi_debug sd_mod dm_mod dm_multipath "
    "dm_service_time dm_round_robin scsi_dh_alua nfs nfsd nfsv3 nfsv4 lockd sunrpc sctp dummy "
    "bridge veth nf_tables nft_compat nft_chain_nat xt_tcpudp xt_conntrack ip_tables "
    "iptable_filter x_tables ip6_tables unix_diag tcp_diag udp_diag inet_diag sctp_diag "
    "netlink_diag af_packet_diag raw_diag loop binfmt_misc rpcsec_gss_krb5 auth_rpcgss grace "
    "nfs_acl fuse stp llc crc32c_generic md_mod raid1 "
).split()
INITRAMFS_MODULES = ("virtio_pci", "virtio_blk", "ext4")


@dataclass(frozen=True)
class KernelSource:
    """Where a kernel comes from: Debian's meta packages, which name no version."""

    name: str
    image: str
    debug: str
    headers: str
    compiler: str = "gcc-12"
    apt_options: tuple[str, ...] = ()  # a configuration of its own, for another Debian release


KERNEL_SOURCES = {
    source.name: source
    for source in (
        KernelSource(
            "6.1",
            image="linux-image-cloud-amd64",
            debug="linux-image-cloud-amd64-dbg",
            headers="linux-headers-cloud-amd64",
        ),
        KernelSource(
            "6.12",
            image="linux-image-6.12-cloud-amd64",
            debug="linux-image-6.12-cloud-amd64-dbg",
            headers="linux-headers-6.12-cloud-amd64",
        ),
    )
}


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel."""

    directory: Path

    @property
    def release(self) -> str:
        return (self.directory / "release").read_text().strip()

    @property
    def vmlinuz(self) -> Path:
        return self.directory / f"boot/vmlinuz-{self.release}"

    @property
    def vmlinux(self) -> Path:
        return self.directory / "vmlinux"

    @property
    def modules(self) -> Path:
        return self.directory / "modules"

    def load_order(self, module: str) -> list[Path]:
        """Files to insert for ``module``, dependencies first."""
        index = self.modules / "lib/modules" / self.release / "modules.dep"
        # A module's name has underscores where its file's may have dashes.
        if not re.search(rf"/{module.replace('_', '[-_]')}\.ko", index.read_text()):
            return []  # built in, or this kernel has none
        command: list[str | Path] = [
            "modprobe",
            "-d",
            self.modules,
            "-S",
            self.release,
            "-D",
            module,
        ]
        lines = run(command).splitlines()
        return [Path(line.split()[1]) for line in lines if line.startswith("insmod ")]


def _unpacked_stamp(source: KernelSource) -> str:
    return digest("packages-3", source, sorted(GUEST_MODULES))


def cached_kernel(name: str) -> Kernel | None:
    """The kernel ``name`` if the cache has it."""
    kernel = Kernel(cache_root() / "packages" / name)
    fresh = is_fresh(kernel.directory, _unpacked_stamp(KERNEL_SOURCES[name]))
    return kernel if fresh else None


def get_kernel(name: str) -> Kernel:
    """The kernel ``name``, downloaded and unpacked when the cache does not have it."""
    source = KERNEL_SOURCES[name]
    stamp = _unpacked_stamp(source)
    return Kernel(piece(f"packages/{name}", stamp, lambda work: _unpack(source, work)))


def _depends(source: KernelSource, package: str) -> list[str]:
    lines = run(["apt-cache", *source.apt_options, "depends", package]).splitlines()
    found = [line.split()[-1] for line in lines if line.strip().startswith("Depends:")]
    if not found:
        raise HarnessError(f"package {package} is not to be had; run apt-get update")
    return found


def _download(source: KernelSource, packages: list[str], into: Path) -> dict[str, Path]:
    into.mkdir(parents=True, exist_ok=True)
    command = ["apt-get", "-qq", *source.apt_options, "download", *packages]
    run(command, cwd=into, timeout_s=600)
    return {package: next(into.glob(f"{package}_*.deb")) for package in packages}


def _unpack(source: KernelSource, work: Path) -> None:
    (image,) = _depends(source, source.image)
    (debug,) = _depends(source, source.debug)
    (headers,) = _depends(source, source.headers)
    parts = [p for p in _depends(source, headers) if re.match(r"linux-(headers|kbuild)-", p)]
    release = image.removeprefix("linux-image-")
    downloads = work / "downloads"
    with step(f"{source.name}: downloaded {release}"):
        debs = _download(source, [image, debug, headers, *parts], downloads)
    modules = work / "modules"
    with step(f"{source.name}: unpacked the image and the headers"):
        run(["dpkg", "-x", debs[image], work / "image"])
        shutil.move(work / "image/boot", work / "boot")
        (modules / "lib").mkdir(parents=True)
        lib = next(p for p in (work / "image/lib", work / "image/usr/lib") if p.is_dir())
        shutil.move(lib / "modules", modules / "lib/modules")
        shutil.rmtree(work / "image")
        for package in (headers, *parts):
            run(["dpkg", "-x", debs[package], work / "headers"])
        run(["depmod", "-b", modules, release])
    (work / "release").write_text(release + "\n")
    with step(f"{source.name}: unpacked the debug info"):
        _unpack_debug_info(Kernel(work), debs[debug])
    shutil.rmtree(downloads)


def _unpack_debug_info(kernel: Kernel, package: Path) -> None:
    wanted = {path.name.split(".")[0] for name in GUEST_MODULES for path in kernel.load_order(name)}
    patterns = ["*/vmlinux-*", "*/vmlinux", *(f"*/{name}.ko" for name in sorted(wanted))]
    patterns += [f"*/{name}.ko.xz" for name in sorted(wanted)]
    # Some patterns match nothing, which tar reports as a failure: the check comes after.
    script = 'dpkg --fsys-tarfile "$1" | { cd "$2"; shift 2; tar -x --wildcards "$@" 2>&1; } || :'
    run(["sh", "-c", script, "sh", package, kernel.modules, *patterns], timeout_s=300)
    debug = kernel.modules / "usr/lib/debug"
    candidates = [p for p in debug.rglob("vmlinux*") if p.is_file() and not p.is_symlink()]
    if len(candidates) != 1:
        raise HarnessError(f"{package.name} holds no single vmlinux: {candidates}")
    candidates[0].rename(kernel.vmlinux)
    for link in debug.rglob("vmlinux*"):
        link.unlink()
    have = {path.name.split(".")[0] for path in debug.rglob("*.ko*")}
    if wanted - have:
        raise HarnessError(f"{package.name} lacks debug info of {sorted(wanted - have)}")
