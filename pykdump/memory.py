# SPDX-License-Identifier: GPL-2.0-or-later
"""Raw memory. NULL is an IndexError, what cannot be read crash.error."""

from __future__ import annotations

from pykdump import lowlevel, structs
from pykdump.errors import CrashError, PykdumpError, as_address

try:
    from pykdump import _accel
except ImportError:  # plain pytest: models can be imported
    pass

#: Kinds of addresses that `readmem` takes.
UVADDR, KVADDR, PHYSADDR, XENMACHADDR = 1, 2, 4, 8

_U64 = (1 << 64) - 1
_PIECE = 64 << 20


def readmem(addr: int, size: int, mtype: int | None = None) -> bytes:
    """Exactly ``size`` bytes: of kernel memory, unless `set_readmem_task` chose a process.

    :param mtype: KVADDR, UVADDR (of that process) or PHYSADDR.

    >>> comm = readSymbol("init_task").comm
    >>> readmem(Addr(comm), 10)
    b'swapper/0\\x00'
    >>> readmem(0, 8)
    Traceback (most recent call last):
    IndexError: NULL pointer: no memory lies at 0
    """
    addr = as_address(addr)
    if not isinstance(size, int):
        raise TypeError(f"how many bytes to read is a number, not {size!r}")
    if addr == 0 and mtype != PHYSADDR:
        raise IndexError("NULL pointer: no memory lies at 0")
    if not -(1 << 63) <= addr <= _U64 or not 0 <= size <= _U64:
        raise CrashError(f"cannot read {size} bytes at {addr:#x}: there is no such memory")
    if size > _PIECE:  # what cannot be read ends it before it takes memory for the rest
        if (addr & _U64) + size > _U64 + 1:
            raise CrashError(f"cannot read {size} bytes at {addr & _U64:#x}: addresses end before")
        pieces = range(0, size, _PIECE)
        try:
            return b"".join(readmem(addr + at, min(_PIECE, size - at), mtype) for at in pieces)
        except CrashError as error:
            raise type(error)(f"cannot read {size} bytes at {addr & _U64:#x}: {error}") from None
    addr &= _U64
    if mtype in (PHYSADDR, XENMACHADDR):
        return lowlevel.dump().read_physical(addr, size)
    if mtype == KVADDR:
        return lowlevel.dump().read(addr, size)
    return _accel.read_memory(addr, size)


def _number(addr: int, size: int, signed: bool, mtype: int | None = None) -> int:
    return int.from_bytes(readmem(addr, size, mtype), "little", signed=signed)


def readU8(addr: int) -> int:
    """``u8`` at an address."""
    return _number(addr, 1, False)


def readU16(addr: int) -> int:
    """``u16`` at an address."""
    return _number(addr, 2, False)


def readU32(addr: int) -> int:
    """``u32`` at an address.

    >>> readU32(sym2addr("nr_cpu_ids")) >= sys_info.CPUS
    True
    """
    return _number(addr, 4, False)


def readS32(addr: int) -> int:
    """``s32`` at an address."""
    return _number(addr, 4, True)


def readU64(addr: int) -> int:
    """``u64`` at an address."""
    return _number(addr, 8, False)


def readS64(addr: int) -> int:
    """``s64`` at an address."""
    return _number(addr, 8, True)


#: ``int``, ``unsigned int``, ``long``, ``unsigned long`` at an address.
readInt, readUInt, readLong, readULong = readS32, readU32, readS64, readU64


def readPtr(addr: int, mtype: int | None = None) -> int:
    """Pointer at an address, as int.

    >>> readPtr(sym2addr("modules")) == readSymbol("modules").next
    True
    """
    return _number(addr, 8, False, mtype)


def readIntN(addr: int, size: int, signed: bool = False) -> int:
    """``crash.readInt``: an integer of any size; crash.error for NULL, too."""
    return int.from_bytes(_accel.read_memory(addr, size), "little", signed=signed)


def mem2long(source: bytes, signed: bool = False, array: int = 0) -> int | list[int]:
    """Bytes as an integer of their size; with ``array`` above 1, a list of so many of them.

    >>> crash.mem2long(b"\\1\\0\\0\\0"), crash.mem2long(b"\\1\\0\\2\\0", array=2)
    (1, [1, 2])
    """
    count = max(array, 1)
    size, rest = divmod(len(source), count)
    if size not in (1, 2, 4, 8) or rest:
        raise CrashError(f"{len(source)} bytes are not {count} integers")
    values = [
        int.from_bytes(source[at : at + size], "little", signed=bool(signed))
        for at in range(0, len(source), size)
    ]
    return values if array > 1 else values[0]


# --- memory of processes


def _pgd(task: int) -> int:
    try:
        mm = structs.StructResult("struct task_struct", task).mm
        pgd = int(mm.pgd) if mm else 0
    except (PykdumpError, IndexError) as error:
        raise CrashError(f"no task_struct lies at {int(task):#x}: {error}") from None
    if not pgd:
        raise CrashError(f"task {int(task):#x} has no memory of its own: it is a kernel thread")
    return pgd


def set_readmem_task(task: int) -> None:
    """Let reads of user addresses go to the memory of this process; 0: of the kernel again.

    :param task: ``struct task_struct *``; crash.error when it is none, or a kernel thread.
    """
    _accel.use_address_space(_pgd(task) if task else 0)


def readProcessMem(taskaddr: int, uvaddr: int, size: int) -> bytes:
    """User memory of a process.

    :param taskaddr: ``struct task_struct *``.
    """
    return lowlevel.dump().read_user(_pgd(taskaddr), int(uvaddr), size)


def uvtop(taskaddr: int, vaddr: int) -> int:
    """Physical address of a user address of a process; crash.error when it is not mapped."""
    return lowlevel.dump().translate(int(vaddr), _pgd(taskaddr))


def phys_to_page(physaddr: int) -> int:
    """Address of the ``struct page`` of a physical address; crash.error when there is none.

    >>> hexl(phys_to_page(0x2000) - phys_to_page(0x1000)) == hexl(struct_size("struct page"))
    True
    """
    base = lowlevel.find_symbol("vmemmap_base")
    start = readU64(base) if base else 0xFFFFEA0000000000
    size = lowlevel.sizeof("struct page")
    page = start + (int(physaddr) // lowlevel.dump().page_size) * size
    _accel.read_memory(page, 1)
    return page


# --- integers


def unsigned16(value: int) -> int:
    """The lowest 16 bits."""
    return value & 0xFFFF


def unsigned32(value: int) -> int:
    """The lowest 32 bits.

    >>> unsigned32(-1) == INT_MASK
    True
    """
    return value & 0xFFFF_FFFF


def unsigned64(value: int) -> int:
    """The lowest 64 bits."""
    return value & _U64


#: As ``unsigned int``, as ``unsigned long``: the lowest 32 or 64 bits.
uInt, uLong = unsigned32, unsigned64


def sLong(value: int) -> int:
    """An unsigned long as a signed one.

    >>> sLong(0xffffffffffffffff)
    -1
    """
    return (value & _U64) - ((value & 1 << 63) << 1)


def le16_to_cpu(value: int) -> int:
    """A little-endian ``u16`` of the dump, which is little-endian itself."""
    return value & 0xFFFF


def le32_to_cpu(value: int) -> int:
    """A little-endian ``u32`` of the dump, which is little-endian itself."""
    return value & 0xFFFF_FFFF


#: A number as a little-endian ``u32`` of the dump.
cpu_to_le32 = le32_to_cpu


def ALIGN(addr: int, align: int) -> int:
    """An address rounded up to a power of two.

    >>> hexl(ALIGN(0x1001, 0x1000))
    '0x2000'
    """
    return (int(addr) + align - 1) & ~(align - 1)


def FD_ISSET(fd: int, bits: bytes) -> bool:
    """Whether the bit of a descriptor is set in an fd bitmap.

    >>> FD_ISSET(9, b"\\x00\\x02"), FD_ISSET(8, b"\\x00\\x02")
    (True, False)
    """
    return fd // 8 < len(bits) and bool(bits[fd // 8] >> fd % 8 & 1)
