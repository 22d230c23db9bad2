# SPDX-License-Identifier: GPL-2.0-or-later
"""Values of /proc/sys that the kernel keeps as plain data (kernel/sysctl.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Union

from LinuxDump.kernel_text import string_at
from LinuxDump.sysctl_tables import Entry
from pykdump import lowlevel, vmcorearch
from pykdump.errors import ReadError

#: What /proc/sys shows: text, numbers, or None where it is computed or cannot be read.
Value = Union[str, tuple[int, ...], None]

# More bytes than any value of numbers has.
_LENGTH_MAX = 1 << 16

# Functions that on reading do what a plain one does: they only act on writing.
_LIKE = {
    "proc_dointvec": (
        "addrconf_sysctl_disable addrconf_sysctl_disable_policy addrconf_sysctl_forward "
        "addrconf_sysctl_ignore_routes_with_linkdown addrconf_sysctl_mtu addrconf_sysctl_proxy_ndp "
        "neigh_proc_dointvec neigh_proc_dointvec_zero_intmax proc_do_rointvec "
        "apparmor_dointvec bpf_unpriv_handler compaction_proactiveness_sysctl_handler "
        "devinet_sysctl_forward dirty_background_ratio_handler dirty_ratio_handler "
        "dirty_writeback_centisecs_handler dirtytime_interval_handler flow_limit_table_len_sysctl "
        "ftrace_enable_sysctl ipv4_doint_and_flush lowmem_reserve_ratio_sysctl_handler "
        "min_free_kbytes_sysctl_handler overcommit_policy_handler overcommit_ratio_handler "
        "percpu_pagelist_high_fraction_sysctl_handler perf_cpu_time_max_percent_handler "
        "perf_event_max_sample_rate_handler perf_event_max_stack_handler perf_proc_update_handler "
        "proc_do_dev_weight proc_dointvec_minmax proc_dointvec_minmax_bpf_enable "
        "proc_dointvec_minmax_bpf_restricted proc_dointvec_minmax_coredump "
        "proc_dointvec_minmax_sysadmin proc_dointvec_minmax_warn_RT_change "
        "proc_tfo_blackhole_detect_timeout proc_watchdog_thresh sched_rr_handler sched_rt_handler "
        "sysctl_compaction_handler sysctl_min_slab_ratio_sysctl_handler "
        "sysctl_min_unmapped_ratio_sysctl_handler timer_migration_handler "
        "tracepoint_printk_sysctl watermark_scale_factor_sysctl_handler "
        "xfs_deprecated_dointvec_minmax"
    ),
    "proc_douintvec": (
        "addrconf_sysctl_addr_gen_mode proc_douintvec_minmax proc_dopipe_max_size "
        "proc_fib_multipath_hash_fields"
    ),
    "proc_dou8vec": ("proc_dou8vec_minmax ipv4_fwd_update_priority proc_fib_multipath_hash_policy"),
    "proc_doulongvec": (
        "proc_doulongvec_minmax dirty_background_bytes_handler dirty_bytes_handler "
        "mmap_min_addr_handler overcommit_kbytes_handler proc_dohung_task_timeout_secs "
        "proc_dolongvec_minmax_bpf_restricted"
    ),
    "proc_dostring": "proc_do_uts_string proc_dostring_coredump",
    "proc_dointvec_jiffies": "neigh_proc_dointvec_jiffies",
    "proc_dointvec_userhz_jiffies": "neigh_proc_dointvec_userhz_jiffies",
    "proc_dointvec_ms_jiffies": (
        "proc_dointvec_ms_jiffies_minmax neigh_proc_dointvec_ms_jiffies "
        "neigh_proc_dointvec_ms_jiffies_positive"
    ),
}
_PLAIN = {name: plain for plain, names in _LIKE.items() for name in (plain, *names.split())}


def is_plain(entry: Entry) -> bool:
    """Whether the value is data that the entry points to; else its handler computes it."""
    return bool(entry.data_addr) and _PLAIN.get(entry.handler, entry.handler) in _READERS


def value(entry: Entry) -> Value:
    """What reading the file would give, None for what is computed and what is not in the dump."""
    if not is_plain(entry):
        return None
    try:
        return _READERS[_PLAIN.get(entry.handler, entry.handler)](entry)
    except ReadError:
        return None


def as_text(read: Value) -> str:
    """A value as /proc/sys shows it, without the newline."""
    if read is None:
        return ""
    return read if isinstance(read, str) else "\t".join(map(str, read))


def _numbers(entry: Entry, size: int, signed: bool) -> tuple[int, ...]:
    length = min(entry.maxlen_bytes, _LENGTH_MAX) // size * size
    raw = lowlevel.dump().read(entry.data_addr, length) if length > 0 else b""
    return tuple(
        int.from_bytes(raw[at : at + size], "little", signed=signed)
        for at in range(0, length, size)
    )


def _ints(entry: Entry) -> tuple[int, ...]:
    return _numbers(entry, 4, True)


def _unsigned(entry: Entry) -> tuple[int, ...]:
    return _numbers(entry, 4, False)


def _bytes(entry: Entry) -> tuple[int, ...]:
    return (lowlevel.read_uint(entry.data_addr, 1),)


def _longs(entry: Entry) -> tuple[int, ...]:
    return _numbers(entry, 8, False)


def _bool(entry: Entry) -> tuple[int, ...]:
    return (int(bool(lowlevel.read_uint(entry.data_addr, 1))),)


def _string(entry: Entry) -> str:
    return string_at(entry.data_addr, max(1, min(entry.maxlen_bytes, _LENGTH_MAX)))


def _times(unit_per_s: int) -> Callable[[Entry], tuple[int, ...]]:
    # Whole units, rounded towards zero, of the jiffies that the kernel keeps.
    def read(entry: Entry) -> tuple[int, ...]:
        hz = int(vmcorearch.sys_info["HZ"])
        found = _ints(entry)
        return tuple(abs(j) * unit_per_s // hz * (-1 if j < 0 else 1) for j in found)

    return read


def _static_key(entry: Entry) -> tuple[int, ...]:
    # static_key_enabled: include/linux/jump_label.h
    enabled = lowlevel.member("struct static_key", "enabled").offset
    return (int(lowlevel.read_int(entry.data_addr + enabled, 4) > 0),)


def _bitmap(entry: Entry) -> str:
    # maxlen is the number of bits: proc_do_large_bitmap
    bits = min(entry.maxlen_bytes, 8 * _LENGTH_MAX)
    addr = lowlevel.read_pointer(entry.data_addr)
    if not addr or bits <= 0:
        return ""
    raw = lowlevel.dump().read(addr, (bits + 63) // 64 * 8)
    word = int.from_bytes(raw, "little")
    is_set = [number for number in range(bits) if word >> number & 1]
    return ",".join(_ranges(is_set))


def _ranges(numbers: list[int]) -> list[str]:
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [str(low) if low == high else f"{low}-{high}" for low, high in found]


_READERS: dict[str, Callable[[Entry], Value]] = {
    "proc_dointvec": _ints,
    "proc_douintvec": _unsigned,
    "proc_dou8vec": _bytes,
    "proc_doulongvec": _longs,
    "proc_dobool": _bool,
    "proc_dostring": _string,
    "proc_dointvec_jiffies": _times(1),
    "proc_dointvec_userhz_jiffies": _times(100),
    "proc_dointvec_ms_jiffies": _times(1000),
    "proc_do_static_key": _static_key,
    "proc_do_large_bitmap": _bitmap,
}
