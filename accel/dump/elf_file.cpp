// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <gelf.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <climits>
#include <cstring>
#include <set>
#include <string_view>

#include "base/error.h"
#include "dump/unique_fd.h"

namespace pyk {

struct ElfFile::Close {
    UniqueFd fd;
    Elf* elf = nullptr;
    Elf_Data* symbols = nullptr;  // of .symtab, once it was asked for
    std::uint32_t symbol_count = 0;
    std::size_t strings = 0;  // the section with their names

    ~Close() { elf_end(elf); }
};

namespace {

std::string hex_digits(const unsigned char* bytes, std::size_t size) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
        text += kDigits[bytes[i] >> 4];
        text += kDigits[bytes[i] & 15];
    }
    return text;
}

std::string find_build_id(Elf_Scn* section) {
    Elf_Data* data = elf_getdata(section, nullptr);
    std::size_t name_at = 0, desc_at = 0;
    GElf_Nhdr note;
    for (std::size_t at = 0; data != nullptr;) {
        at = gelf_getnote(data, at, &note, &name_at, &desc_at);
        if (at == 0) break;
        const auto* bytes = static_cast<const unsigned char*>(data->d_buf);
        const std::string_view name(reinterpret_cast<const char*>(bytes) + name_at,
                                    note.n_namesz == 0 ? 0 : note.n_namesz - 1);
        if (note.n_type == NT_GNU_BUILD_ID && name == ELF_NOTE_GNU) {
            return hex_digits(bytes + desc_at, note.n_descsz);
        }
    }
    return "";
}

template <typename Visit>
void for_each_section(Elf* elf, Visit visit) {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) != nullptr) visit(section, header);
    }
}

// An index costs as much as some four passes over the symbols.
constexpr int kLookupsWithoutIndex = 4;

// Sections and source files have symbols, too.
bool is_looked_up(const ElfFile::Symbol& symbol) {
    const auto type = GELF_ST_TYPE(symbol.info);
    return symbol.section != SHN_UNDEF && type != STT_SECTION && type != STT_FILE;
}

// FNV-1a
std::uint64_t hash_of(std::string_view name) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash ^ hash >> 32;
}

}  // namespace

ElfFile::ElfFile(const std::string& path) : path_(path), file_(std::make_unique<Close>()) {
    file_->fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file_->fd) throw Error("cannot open " + path + ": " + std::strerror(errno));
    elf_version(EV_CURRENT);
    file_->elf = elf_begin(file_->fd.get(), ELF_C_READ, nullptr);
    GElf_Ehdr header;
    if (file_->elf == nullptr || elf_kind(file_->elf) != ELF_K_ELF ||
        gelf_getehdr(file_->elf, &header) == nullptr) {
        throw Error(path + " is not an ELF file; give the vmlinux with debuginfo");
    }
    machine_ = header.e_machine;
    look_at_sections();
}

ElfFile::~ElfFile() = default;
ElfFile::ElfFile(ElfFile&&) noexcept = default;
ElfFile& ElfFile::operator=(ElfFile&&) noexcept = default;

void ElfFile::look_at_sections() {
    std::size_t names = 0;
    if (elf_getshdrstrndx(file_->elf, &names) != 0) return;
    for_each_section(file_->elf, [&](Elf_Scn* section, const GElf_Shdr& header) {
        const char* raw = elf_strptr(file_->elf, names, header.sh_name);
        const std::string_view name = raw == nullptr ? "" : raw;
        if (header.sh_type == SHT_NOTE && build_id_.empty()) build_id_ = find_build_id(section);
        if (name == ".debug_info" || name == ".zdebug_info") has_debuginfo_ = true;
        if (name == ".data..percpu") percpu_is_zero_based_ = header.sh_addr == 0;
    });
}

std::uint32_t ElfFile::symbol_count() const {
    if (file_->symbols != nullptr) return file_->symbol_count;
    for_each_section(file_->elf, [&](Elf_Scn* section, const GElf_Shdr& header) {
        if (header.sh_type != SHT_SYMTAB || header.sh_entsize == 0) return;
        file_->symbols = elf_getdata(section, nullptr);
        if (file_->symbols == nullptr) return;
        file_->symbol_count = static_cast<std::uint32_t>(
            std::min<std::size_t>(file_->symbols->d_size / header.sh_entsize, INT_MAX));
        file_->strings = header.sh_link;
    });
    return file_->symbol_count;
}

std::optional<ElfFile::Symbol> ElfFile::symbol_at(std::uint32_t number) const {
    GElf_Sym symbol;
    if (number == 0 || number >= symbol_count() ||
        gelf_getsym(file_->symbols, static_cast<int>(number), &symbol) == nullptr) {
        return std::nullopt;
    }
    const char* name = elf_strptr(file_->elf, file_->strings, symbol.st_name);
    if (name == nullptr) return std::nullopt;
    return Symbol{name, symbol.st_value, symbol.st_info, symbol.st_shndx, symbol.st_size};
}

void ElfFile::for_each_symbol(const std::function<void(const Symbol&)>& visit) const {
    const std::uint32_t count = symbol_count();
    for (std::uint32_t number = 1; number < count; ++number) {
        if (const auto symbol = symbol_at(number)) visit(*symbol);
    }
}

std::map<std::string, std::uint64_t> ElfFile::symbols(const std::vector<std::string>& names) const {
    std::map<std::string, std::uint64_t> found;
    if (lookups_ < kLookupsWithoutIndex) {
        ++lookups_;
    } else {
        if (lookups_ == kLookupsWithoutIndex) {
            index_symbols();
            ++lookups_;
        }
        for (const std::string& name : names) {
            const auto symbol = symbol_at(slots_[slot_of(name)]);
            if (symbol) found.emplace(name, symbol->value);
        }
        return found;
    }
    const std::set<std::string_view> wanted(names.begin(), names.end());
    for_each_symbol([&](const Symbol& symbol) {
        if (is_looked_up(symbol) && wanted.contains(symbol.name)) {
            found.emplace(symbol.name, symbol.value);
        }
    });
    return found;
}

void ElfFile::index_symbols() const {
    const std::uint32_t count = symbol_count();
    slots_.resize(std::bit_ceil(std::size_t{2} * count + 1));
    for (std::uint32_t number = 1; number < count; ++number) {
        const auto symbol = symbol_at(number);
        if (!symbol || !is_looked_up(*symbol)) continue;
        std::uint32_t& slot = slots_[slot_of(symbol->name)];
        if (slot == 0) slot = number;  // of several symbols of a name the first
    }
}

std::size_t ElfFile::slot_of(std::string_view name) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = hash_of(name) & mask;
    while (slots_[slot] != 0 && symbol_at(slots_[slot])->name != name) slot = (slot + 1) & mask;
    return slot;
}

std::optional<std::uint64_t> ElfFile::symbol(const std::string& name) const {
    const auto found = symbols({name});
    if (found.empty()) return std::nullopt;
    return found.begin()->second;
}

std::string ElfFile::section_letters() const {
    std::string letters(1, '?');
    for_each_section(file_->elf, [&](Elf_Scn*, const GElf_Shdr& header) {
        const bool is_written = (header.sh_flags & SHF_WRITE) != 0;
        const bool is_code = (header.sh_flags & SHF_EXECINSTR) != 0;
        letters += is_code ? 'T' : header.sh_type == SHT_NOBITS ? 'B' : is_written ? 'D' : 'R';
    });
    return letters;
}

std::vector<std::byte> ElfFile::section(std::string_view name) const {
    std::vector<std::byte> bytes;
    std::size_t names = 0;
    if (elf_getshdrstrndx(file_->elf, &names) != 0) return bytes;
    for_each_section(file_->elf, [&](Elf_Scn* section, const GElf_Shdr& header) {
        const char* found = elf_strptr(file_->elf, names, header.sh_name);
        if (found == nullptr || name != found || header.sh_type == SHT_NOBITS) return;
        if (header.sh_flags & SHF_COMPRESSED) elf_compress(section, 0, 0);
        const Elf_Data* data = elf_getdata(section, nullptr);
        if (data == nullptr || data->d_buf == nullptr) return;
        const auto* start = static_cast<const std::byte*>(data->d_buf);
        bytes.assign(start, start + data->d_size);
    });
    return bytes;
}

std::vector<std::byte> ElfFile::read(std::uint64_t addr, std::size_t size) const {
    std::vector<std::byte> bytes;
    for_each_section(file_->elf, [&](Elf_Scn*, const GElf_Shdr& header) {
        const bool loaded = header.sh_type != SHT_NOBITS && (header.sh_flags & SHF_ALLOC);
        if (!loaded || !bytes.empty() || addr < header.sh_addr) return;
        const std::uint64_t offset = addr - header.sh_addr;
        if (offset >= header.sh_size) return;
        bytes.resize(std::min<std::uint64_t>(size, header.sh_size - offset));
        const ssize_t got = ::pread(file_->fd.get(), bytes.data(), bytes.size(),
                                    static_cast<off_t>(header.sh_offset + offset));
        bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
    });
    return bytes;
}

}  // namespace pyk
