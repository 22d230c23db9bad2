// SPDX-License-Identifier: GPL-2.0-or-later
#include "symbols/symbol_list.h"

#include <elf.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace pyk {
namespace {

constexpr std::uint64_t kKernelHalf = 1ULL << 63;
constexpr std::size_t kMaxModules = 65535;
constexpr std::size_t kMaxLabels = 1000;  // within a function

}  // namespace

void SymbolList::add_vmlinux(std::shared_ptr<const ElfFile> vmlinux, std::uint64_t offset) {
    const std::string letters = vmlinux->section_letters();
    vmlinux->for_each_symbol([&](const ElfFile::Symbol& symbol) {
        const auto type = ELF64_ST_TYPE(symbol.info);
        if (symbol.name.empty() || symbol.section == SHN_UNDEF || type == STT_SECTION ||
            type == STT_FILE) {
            return;
        }
        // KASLR moves no per-CPU variables that are counted from 0.
        const bool is_moved = symbol.value >= kKernelHalf &&
                              (symbol.section < SHN_LORESERVE || symbol.section == SHN_ABS);
        char letter = symbol.section < letters.size() ? letters[symbol.section] : '?';
        if (symbol.section >= SHN_LORESERVE ||
            (vmlinux->percpu_is_zero_based() && symbol.value < kKernelHalf)) {
            letter = 'A';
        }
        const auto binding = ELF64_ST_BIND(symbol.info);
        if (binding == STB_WEAK) letter = 'W';
        if (binding == STB_LOCAL) letter = static_cast<char>(std::tolower(letter));
        symbols_.push_back(
            {symbol.value + (is_moved ? offset : 0), symbol.name, letter, 0,
             static_cast<std::uint32_t>(std::min<std::uint64_t>(symbol.size, UINT32_MAX))});
    });
    vmlinux_ = std::move(vmlinux);
}

void SymbolList::add_module(const std::string& name, ByteSpan symtab, ByteSpan strings,
                            ByteSpan letters, const std::vector<AddrRange>& own, AddrRange text) {
    if (modules_.size() > kMaxModules) return;
    const auto module = static_cast<std::uint16_t>(modules_.size());
    modules_.push_back(name);
    const std::string& names =
        strings_.emplace_back(reinterpret_cast<const char*>(strings.data()), strings.size());
    for (std::size_t number = 0; number < symtab.size() / sizeof(Elf64_Sym); ++number) {
        Elf64_Sym symbol;
        std::memcpy(&symbol, symtab.data() + number * sizeof symbol, sizeof symbol);
        const bool is_own = std::ranges::any_of(
            own, [&](const AddrRange& memory) { return memory.holds(symbol.st_value); });
        if (!is_own || symbol.st_name == 0 || symbol.st_name >= names.size()) continue;
        char letter = number < letters.size() ? static_cast<char>(letters[number]) : '\0';
        if (letter == '\0') letter = text.holds(symbol.st_value) ? 't' : 'd';
        const std::size_t end = std::min(names.find('\0', symbol.st_name), names.size());
        symbols_.push_back({symbol.st_value,
                            std::string_view(names).substr(symbol.st_name, end - symbol.st_name),
                            letter, module, 0});
    }
}

void SymbolList::sort() {
    std::ranges::sort(symbols_, [this](const Symbol& one, const Symbol& other) {
        if (one.addr != other.addr) return one.addr < other.addr;
        if (one.letter != other.letter) return one.letter < other.letter;
        if (one.name != other.name) return one.name < other.name;
        return module_of(one) < module_of(other);
    });
}

std::size_t SymbolList::count_up_to(std::uint64_t addr) const {
    const auto behind = std::ranges::upper_bound(symbols_, addr, {}, &Symbol::addr);
    return static_cast<std::size_t>(behind - symbols_.begin());
}

const SymbolList::Symbol* SymbolList::only_function_at(std::uint64_t addr) const {
    const std::size_t end = count_up_to(addr);
    for (std::size_t place = end; place > 0 && end - place < kMaxLabels; --place) {
        const Symbol& symbol = symbols_[place - 1];
        if (symbol.module != 0) return nullptr;
        if (symbol.size == 0) continue;
        const bool has_others = (place > 1 && symbols_[place - 2].addr == symbol.addr) ||
                                (place < symbols_.size() && symbols_[place].addr == symbol.addr);
        const bool is_code = std::string_view("tTW").find(symbol.letter) != std::string_view::npos;
        return is_code && !has_others && addr - symbol.addr < symbol.size ? &symbol : nullptr;
    }
    return nullptr;
}

}  // namespace pyk
