# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a vmlinux is the one of a dump: by build-id, and where that is missing, by banner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pykdump.errors import MismatchError, PykdumpError

if TYPE_CHECKING:
    from pykdump._accel import Dump, ElfInfo

_NT_GNU_BUILD_ID = 3


def check(dump: Dump, elf: ElfInfo, vmlinux: str, *, force: bool) -> list[str]:
    """Raise MismatchError unless vmlinux is the dump's; returns warnings.

    :param force: go on with a warning instead.
    """
    if elf.machine != dump.arch:
        raise MismatchError(f"{vmlinux} is for {elf.machine}, the dump is of {dump.arch}")
    if not elf.has_debuginfo:
        raise PykdumpError(
            f"{vmlinux} has no debug info (.debug_info); install the kernel's debug symbols and "
            "open the dump with their vmlinux"
        )
    here, there, source = elf.build_id, dump.build_id, "vmcoreinfo"
    if not there:
        there, source = build_id_in_memory(dump, elf), "the dump's memory"
    if here and there:
        if here == there:
            return []
        problem = f"build-id {here} here, {there} in {source}"
    else:
        here_banner, there_banner = _banners(dump, elf)
        if here_banner and here_banner == there_banner:
            return []
        if not there_banner:
            problem = f"build-id {here or 'missing'} here, nothing to compare it with in the dump"
        else:
            problem = f'"{here_banner}" here, "{there_banner}" in the dump\'s memory'
    release = f"load the vmlinux of {dump.release}" if dump.release else "load another vmlinux"
    sentence = f"{vmlinux} does not match the dump: {problem}"
    if not force:
        raise MismatchError(f"{sentence}; {release}, or open with --force all the same")
    return [f"{sentence}; opened all the same, what is shown may be wrong"]


def build_id_in_memory(dump: Dump, elf: ElfInfo) -> str:
    """The build-id in the kernel's own notes in memory, "" when they are not where vmlinux says."""
    found = elf.symbols(["__start_notes", "__stop_notes"])
    if len(found) < 2:
        return ""
    start, size = found["__start_notes"], found["__stop_notes"] - found["__start_notes"]
    if not 0 < size <= 1 << 16:
        return ""
    try:
        return build_id_of_notes(dump.read(start + dump.kaslr_offset, size))
    except PykdumpError:
        return ""


def build_id_of_notes(notes: bytes) -> str:
    """The build-id among ELF notes, "" when there is none."""
    at = 0
    while at + 12 <= len(notes):
        name_size, size, kind = (
            int.from_bytes(notes[at + word : at + word + 4], "little") for word in (0, 4, 8)
        )
        name_at = at + 12
        desc_at = name_at + (name_size + 3) // 4 * 4
        if kind == _NT_GNU_BUILD_ID and notes[name_at : name_at + 4] == b"GNU\0":
            return notes[desc_at : desc_at + size].hex()
        at = desc_at + (size + 3) // 4 * 4
    return ""


def _banners(dump: Dump, elf: ElfInfo) -> tuple[str, str]:
    # linux_banner in vmlinux and in memory, "" where it cannot be read.
    addr = elf.symbols(["linux_banner"]).get("linux_banner")
    if addr is None:
        return "", ""
    texts = []
    for read, where in ((elf.read, addr), (dump.read, addr + dump.kaslr_offset)):
        try:
            text = read(where, 512).partition(b"\0")[0]
        except PykdumpError:
            text = b""
        is_banner = text.startswith(b"Linux version ")
        texts.append(text.decode("utf-8", "replace").strip() if is_banner else "")
    return texts[0], texts[1]
