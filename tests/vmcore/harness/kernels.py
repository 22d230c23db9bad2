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

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from . import other_releases
from .cache import cache_root, digest, is_fresh, piece
from .steps import HarnessError, NotToBeHadError, run, step

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
    apt_options: tuple[str, ...] = ()  # what other_releases.py needs for another Debian release
    #: what make is told besides when our modules are built
    make_options: tuple[str, ...] = field(default=(), repr=False)
    #: packages of the libraries that the tools among the headers run with; the system's, if none
    tool_libraries: tuple[str, ...] = field(default=(), repr=False)


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
        KernelSource(
            "5.10",
            image="linux-image-cloud-amd64",
            debug="linux-image-cloud-amd64-dbg",
            headers="linux-headers-cloud-amd64",
            apt_options=other_releases.options("bullseye"),
        ),
        KernelSource(
            "newest",
            image="linux-image-cloud-amd64",
            debug="linux-image-cloud-amd64-dbg",
            headers="linux-headers-cloud-amd64",
            apt_options=other_releases.options("trixie-backports"),
            make_options=("CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=",),  # which gcc 14 has
            tool_libraries=("libc6", "libelf1t64", "zlib1g", "libzstd1"),
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


@dataclass(frozen=True)
class _Packages:
    release: str
    images: list[Path]
    debug: Path
    headers: list[Path]
    libraries: list[Path]


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


def _depends(source: KernelSource, package: str, kind: str) -> list[str]:
    """Packages of one kernel version that ``package`` depends on, ``kind`` being a pattern."""
    command = ["apt-cache", *other_releases.configuration(source.apt_options)]
    lines = run([*command, "depends", package]).splitlines()
    named = [line.split()[-1] for line in lines if line.strip().startswith("Depends:")]
    found = [name for name in named if re.match(rf"linux-({kind})-\d", name)]
    if not found:
        raise HarnessError(f"no {kind} of {package} is to be had; run apt-get update")
    return found


def _download(source: KernelSource, packages: list[str], into: Path) -> dict[str, Path]:
    into.mkdir(parents=True, exist_ok=True)
    options = other_releases.configuration(source.apt_options)
    run(["apt-get", "-qq", *options, "download", *packages], cwd=into, timeout_s=600)
    return {package: next(into.glob(f"{package}_*.deb")) for package in packages}


def _fetch(source: KernelSource, downloads: Path) -> _Packages:
    if source.apt_options:
        other_releases.update()
    (image,) = _depends(source, source.image, "image")
    (debug,) = _depends(source, source.debug, "image")
    (headers,) = _depends(source, source.headers, "headers")
    # Newer kernels' images are in several packages.
    images = [image, *_split_image(source, image)]
    header_parts = [headers, *_depends(source, headers, "headers|kbuild")]
    release = image.removeprefix("linux-image-")
    with step(f"{source.name}: downloaded {release}"):
        wanted = [*images, debug, *header_parts, *source.tool_libraries]
        debs = _download(source, wanted, downloads)
    return _Packages(
        release,
        [debs[name] for name in images],
        debs[debug],
        [debs[name] for name in header_parts],
        [debs[name] for name in source.tool_libraries],
    )


def _unpack(source: KernelSource, work: Path) -> None:
    downloads = work / "downloads"
    try:
        packages = _fetch(source, downloads)
    except HarnessError as error:
        if not source.apt_options:
            raise
        raise NotToBeHadError(f"kernel {source.name} is not to be had: {error}") from error
    release = packages.release
    modules = work / "modules"
    with step(f"{source.name}: unpacked the image and the headers"):
        for package in packages.images:
            run(["dpkg", "-x", package, work / "image"])
        _move_image(work, release)
        shutil.rmtree(work / "image")
        for package in packages.headers:
            run(["dpkg", "-x", package, work / "headers"])
        for package in packages.libraries:
            run(["dpkg", "-x", package, work / "headers/libraries"])
        if packages.libraries:
            _wrap_tools(work / "headers")
        run(["depmod", "-b", modules, release])
    (work / "release").write_text(release + "\n")
    with step(f"{source.name}: unpacked the debug info"):
        _unpack_debug_info(Kernel(work), packages.debug)
    shutil.rmtree(downloads)


def _split_image(source: KernelSource, image: str) -> list[str]:
    try:
        return _depends(source, image, "base|binary|modules")
    except HarnessError:
        return []


def _move_image(work: Path, release: str) -> None:
    image = work / "image"
    lib = next(p for p in (image / "lib", image / "usr/lib") if p.is_dir())
    (work / "modules/lib").mkdir(parents=True)
    shutil.move(lib / "modules", work / "modules/lib/modules")
    beside_modules = work / "modules/lib/modules" / release / "vmlinuz"
    if beside_modules.is_file():
        (work / "boot").mkdir()
        beside_modules.rename(work / f"boot/vmlinuz-{release}")
    else:
        shutil.move(image / "boot", work / "boot")


_TOOL_WRAPPER = """#!/bin/sh
libraries={libraries}
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" --argv0 "$0" "$0.elf" "$@"
"""


def _wrap_tools(headers: Path) -> None:
    """Make the programs among the headers run with the libraries beside them."""
    (loader,) = (headers / "libraries").rglob("*-linux-gnu/ld-linux-x86-64.so.2")
    for program in headers.glob("usr/**/*"):
        if not program.is_file() or program.is_symlink() or loader.parent in program.parents:
            continue
        with open(program, "rb") as file:
            is_program = file.read(4) == b"\x7fELF" and program.stat().st_mode & 0o111
        if is_program:
            program.rename(program.with_name(program.name + ".elf"))
            place = os.path.relpath(loader.parent, program.parent)
            program.write_text(_TOOL_WRAPPER.format(libraries=f'$(dirname "$0")/{place}'))
            program.chmod(0o755)


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
