// SPDX-License-Identifier: GPL-2.0-or-later
// The one way in which walkers, layouts and the target server see the dumped machine's memory.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/address.h"
#include "base/bytes.h"

namespace pyk {

// A reader serves one thread at a time; every thread has one of its own. Reading never throws:
// a page that is not there is a normal answer.
class MemoryReader {
 public:
    virtual ~MemoryReader() = default;

    // Copies memory from `addr` on until `out` is full or a byte cannot be read; returns the number
    // of bytes copied. Addresses wrap at 2^64.
    virtual std::size_t read_prefix(KernelAddr addr, std::span<std::byte> out) const = 0;

    // The same in the address space of a user process, whose top page table lies at `pgd` (a kernel
    // virtual address, mm_struct.pgd).
    virtual std::size_t read_user_prefix(KernelAddr pgd, KernelAddr addr,
                                         std::span<std::byte> out) const = 0;

    // Why the byte at `addr` cannot be read: "page excluded; ...", "not mapped", ...
    virtual std::string why_unreadable(KernelAddr addr) const = 0;

    // The same `size` bytes at many addresses, into `out` one after the other; `readable` has an
    // entry for each. Those that are 0 already are passed over, those that fail become 0.
    virtual void read_batch(std::span<const KernelAddr> addrs, std::size_t size,
                            std::span<std::byte> out, std::span<std::uint8_t> readable) const {
        for (std::size_t i = 0; i < addrs.size(); ++i) {
            if (readable[i]) readable[i] = read_exactly(addrs[i], out.subspan(i * size, size));
        }
    }

    bool read_exactly(KernelAddr addr, std::span<std::byte> out) const {
        return read_prefix(addr, out) == out.size();
    }

    template <std::integral T>
    std::optional<T> read(KernelAddr addr) const {
        std::byte raw[sizeof(T)];
        if (!read_exactly(addr, raw)) return std::nullopt;
        return load<T>(raw, 0);
    }

    std::optional<KernelAddr> read_pointer(KernelAddr addr) const {
        const auto value = read<std::uint64_t>(addr);
        if (!value) return std::nullopt;
        return KernelAddr{*value};
    }
};

}  // namespace pyk
