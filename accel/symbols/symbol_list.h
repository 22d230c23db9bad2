// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "dump/elf_file.h"

namespace pyk {

// All symbols of the kernel and its modules with the letters of nm, also those that are no places
// (SymbolTable has one name for each place).
class SymbolList {
 public:
    struct Symbol {
        std::uint64_t addr;
        std::string_view name;
        char letter;             // T text, D data, B bss, R read-only; small ones of local symbols
        std::uint16_t module;    // 0 is the kernel
        std::uint32_t size = 0;  // of modules none are kept
    };

    // Symbols of vmlinux, which was loaded `offset` bytes above its link address.
    void add_vmlinux(std::shared_ptr<const ElfFile> vmlinux, std::uint64_t offset);
    // Symbols of a module: its struct elf64_sym[], strings, and letters, which old kernels do not
    // have; those outside its own memory are left out.
    void add_module(const std::string& name, ByteSpan symtab, ByteSpan strings, ByteSpan letters,
                    const std::vector<AddrRange>& own, AddrRange text);
    void sort();  // call after the last add

    const std::vector<Symbol>& symbols() const { return symbols_; }
    const std::string& module_of(const Symbol& symbol) const { return modules_[symbol.module]; }
    // How many symbols are at or below an address.
    std::size_t count_up_to(std::uint64_t addr) const;
    // The kernel's function that an address is in, without the labels within it; null where its
    // start has several names.
    const Symbol* only_function_at(std::uint64_t addr) const;

 private:
    std::shared_ptr<const ElfFile> vmlinux_;
    std::vector<std::string> modules_ = {""};
    std::deque<std::string> strings_;  // of modules
    std::vector<Symbol> symbols_;
};

}  // namespace pyk
