// SPDX-License-Identifier: GPL-2.0-or-later
// The memory that Python's struct objects live in: the open dump, through a reader of its own that
// is used only with the GIL held. (A dump's shared reader may be held by a walk that waits for it.)
#pragma once

#include "bindings/convert.h"

namespace pyk {

class ObjectMemory {
 public:
    static ObjectMemory& get();

    // From here on objects are read from this dump; null: from none.
    void use(const DumpPtr& dump);
    // User addresses are read in the address space of this pgd; 0: as the kernel's.
    void use_address_space(std::uint64_t pgd) { pgd_ = pgd; }
    std::uint64_t address_space() const { return pgd_; }

    // Copies as much as can be read; throws Error when no dump is open.
    std::size_t read_prefix(std::uint64_t addr, std::span<std::byte> out);
    std::string why_unreadable(std::uint64_t addr);

 private:
    bool is_user(std::uint64_t addr) const { return pgd_ != 0 && addr >> 63 == 0; }

    std::unique_ptr<DumpReader> reader_;
    std::uint64_t pgd_ = 0;
};

}  // namespace pyk
