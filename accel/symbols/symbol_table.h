// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "dump/elf_file.h"

namespace pyk {

struct NamedAddr {
    std::string_view name;
    KernelAddr addr;
};

// Names of addresses in the kernel and its modules, as the dumped kernel's kallsyms would give
// them: of several names of one address, the one that kallsyms prefers.
class SymbolTable {
 public:
    // Symbols of vmlinux, which was loaded `offset` bytes above its link address. Their names stay
    // where the file has them.
    void add_vmlinux(std::shared_ptr<const ElfFile> vmlinux, std::uint64_t offset);
    // Symbols of a module: its struct elf64_sym[] and string table, and the memory that is its own,
    // which may lie in pieces between those of others; symbols outside it are left out. Indices
    // behind the string table cost that symbol.
    void add_module(const std::string& name, ByteSpan symtab, ByteSpan strings,
                    const std::vector<AddrRange>& own);
    void sort();  // call after the last add

    struct Found {
        std::string_view name;
        KernelAddr start;
        std::string_view module;  // "" for the kernel
        std::uint64_t size;       // up to the next symbol, as kallsyms has it
    };
    // The last symbol at or below `addr` in the same module, or in the kernel.
    std::optional<Found> at(KernelAddr addr) const;
    std::optional<KernelAddr> find(std::string_view name) const;
    // All addresses of a name, ascending: several files may have a static symbol of it.
    std::vector<KernelAddr> find_all(std::string_view name) const;
    std::size_t size() const { return symbols_.size(); }
    // All symbols of a module; the names live as long as this table.
    std::vector<NamedAddr> of_module(std::string_view module) const;
    // All symbols in this memory.
    std::vector<NamedAddr> within(const std::vector<AddrRange>& memory) const;

 private:
    struct Symbol {
        std::uint64_t addr;
        std::uint32_t name;  // offset from the names of the region
        std::uint16_t region;
        std::uint16_t rank;  // among the names of one address, the lowest is shown
    };
    struct Region {
        std::string module;
        AddrRange memory;
        const char* names = nullptr;  // null for those in names_
    };
    const char* name_of(const Symbol& symbol) const {
        const char* const names = regions_[symbol.region].names;
        // Of a file's the base is any name of it: offsets may be negative.
        return names == nullptr ? names_.data() + symbol.name
                                : names + static_cast<std::int32_t>(symbol.name);
    }

    std::shared_ptr<const ElfFile> vmlinux_;
    std::vector<Region> regions_;
    std::vector<Symbol> symbols_;
    std::string names_;  // of modules; each ends with a NUL
    mutable std::unordered_map<std::string_view, std::uint64_t> by_name_;  // made when first used
};

}  // namespace pyk
