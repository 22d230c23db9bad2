// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "dump/reader.h"

namespace pyk {

// Reads what is read only once: its pages do not stay in the cache of pages. Uses another reader
// of the same thread, which must outlive it.
class UncachedReader final : public MemoryReader {
 public:
    explicit UncachedReader(const DumpReader& reader);

    std::size_t read_prefix(KernelAddr addr, std::span<std::byte> out) const override;
    std::size_t read_user_prefix(KernelAddr pgd, KernelAddr addr,
                                 std::span<std::byte> out) const override {
        return reader_.read_user_prefix(pgd, addr, out);
    }
    std::string why_unreadable(KernelAddr addr) const override {
        return reader_.why_unreadable(addr);
    }

 private:
    const DumpReader& reader_;
    mutable std::vector<std::byte> page_;
};

}  // namespace pyk
