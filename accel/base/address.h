// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses of the dumped machine. Distinct types, so that one cannot be passed for the other.
#pragma once

#include <compare>
#include <cstdint>

namespace pyk {

// A virtual address as the dumped kernel saw it. Arithmetic wraps at 2^64.
struct KernelAddr {
    std::uint64_t value = 0;

    explicit operator bool() const { return value != 0; }
    auto operator<=>(const KernelAddr&) const = default;
    KernelAddr operator+(std::uint64_t bytes) const { return {value + bytes}; }
    KernelAddr operator-(std::uint64_t bytes) const { return {value - bytes}; }
};

// A range of addresses of the dumped machine, end not included.
struct AddrRange {
    std::uint64_t start = 0, end = 0;

    bool holds(std::uint64_t addr) const { return addr >= start && addr < end; }
};

struct PhysAddr {
    std::uint64_t value = 0;

    auto operator<=>(const PhysAddr&) const = default;
    PhysAddr operator+(std::uint64_t bytes) const { return {value + bytes}; }
};

}  // namespace pyk
