// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct Elf;

namespace pyk {

// An ELF file with symbols: vmlinux, a module, debuginfo. Read with elfutils.
class ElfFile {
 public:
    explicit ElfFile(const std::string& path);  // throws Error when it is no ELF file
    ~ElfFile();
    ElfFile(ElfFile&&) noexcept;
    ElfFile& operator=(ElfFile&&) noexcept;

    const std::string& path() const { return path_; }
    const std::string& build_id() const { return build_id_; }  // hex digits, "" when there is none
    std::uint16_t machine() const { return machine_; }
    bool has_debuginfo() const { return has_debuginfo_; }
    bool percpu_is_zero_based() const { return percpu_is_zero_based_; }

    // Values of symbols as linked; names that are not there are left out. Not for several threads.
    std::map<std::string, std::uint64_t> symbols(const std::vector<std::string>& names) const;
    std::optional<std::uint64_t> symbol(const std::string& name) const;

    struct Symbol {
        std::string_view name;
        std::uint64_t value;
        unsigned char info;
        std::uint16_t section;
        std::uint64_t size;
    };
    // All symbols of .symtab; the names live as long as this object.
    void for_each_symbol(const std::function<void(const Symbol&)>& visit) const;

    // The letter of nm for each section's symbols: T text, B bss, D data, R read-only.
    std::string section_letters() const;

    // The contents of a section; empty when there is none.
    std::vector<std::byte> section(std::string_view name) const;

    // Up to `size` bytes of a loaded section at a link address; empty when they are not in the
    // file.
    std::vector<std::byte> read(std::uint64_t addr, std::size_t size) const;

 private:
    void look_at_sections();
    std::uint32_t symbol_count() const;
    std::optional<Symbol> symbol_at(std::uint32_t number) const;  // 0 is none
    void index_symbols() const;
    std::size_t slot_of(std::string_view name) const;

    struct Close;
    std::string path_;
    std::unique_ptr<Close> file_;
    std::string build_id_;
    std::uint16_t machine_ = 0;
    bool has_debuginfo_ = false;
    bool percpu_is_zero_based_ = false;
    mutable int lookups_ = 0;
    // After some look-ups: a hash table by name, with numbers of symbols; 0 is free.
    mutable std::vector<std::uint32_t> slots_;
};

}  // namespace pyk
