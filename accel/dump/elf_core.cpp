// SPDX-License-Identifier: GPL-2.0-or-later
#include <elf.h>

#include <algorithm>

#include "arch/architecture.h"
#include "base/error.h"
#include "dump/file_info.h"

namespace pyk {
namespace {

constexpr std::uint64_t kMaxSegments = 1 << 20;
constexpr std::uint64_t kMaxNotes = 64 << 20;

template <typename T>
std::optional<T> read_struct(const InputFile& file, std::uint64_t offset) {
    T value;
    const auto out = std::as_writable_bytes(std::span(&value, 1));
    if (file.read_at(offset, out) != sizeof(T)) return std::nullopt;
    return value;
}

[[noreturn]] void damaged(const InputFile& file, const std::string& what) {
    throw OpenError(file.path() + " is damaged: " + what);
}

Elf64_Ehdr read_header(const InputFile& file) {
    const auto header = read_struct<Elf64_Ehdr>(file, 0);
    if (!header) damaged(file, "it ends within its ELF header");
    const auto& ident = header->e_ident;
    const bool big_endian = ident[EI_DATA] == ELFDATA2MSB;
    const std::uint16_t machine = big_endian ? byte_swap(header->e_machine) : header->e_machine;
    if (ident[EI_CLASS] != ELFCLASS64 || big_endian || !find_architecture(machine)) {
        throw OpenError(file.path() + " is a dump of " + elf_machine_name(machine) +
                        "; only x86_64 dumps can be opened");
    }
    // libkdumpfile trusts the size of section headers, and crashes where it is 0.
    const bool has_sections = header->e_shoff != 0 || header->e_shnum != 0;
    if (has_sections && header->e_shentsize != sizeof(Elf64_Shdr)) {
        damaged(file, "its section headers have " + std::to_string(header->e_shentsize) + " bytes");
    }
    return *header;
}

std::vector<Elf64_Phdr> read_segments(const InputFile& file, const Elf64_Ehdr& header) {
    std::uint64_t count = header.e_phnum;
    if (count == PN_XNUM) {
        const auto section = read_struct<Elf64_Shdr>(file, header.e_shoff);
        if (!section) damaged(file, "its program headers cannot be counted");
        count = section->sh_info;
    }
    if (count == 0 || count > kMaxSegments || header.e_phentsize != sizeof(Elf64_Phdr)) {
        damaged(file, "it has " + std::to_string(count) + " program headers");
    }
    std::vector<Elf64_Phdr> segments(count);
    const auto out = std::as_writable_bytes(std::span(segments));
    if (file.read_at(header.e_phoff, out) != out.size()) {
        damaged(file, "it ends within its program headers");
    }
    return segments;
}

// How much of [offset, offset + size) lies in the file.
std::uint64_t bytes_there(const InputFile& file, std::uint64_t offset, std::uint64_t size) {
    return offset >= file.size() ? 0 : std::min(size, file.size() - offset);
}

void add_notes(const InputFile& file, const Elf64_Phdr& segment, FileInfo& info) {
    const std::uint64_t size =
        std::min(kMaxNotes, bytes_there(file, segment.p_offset, segment.p_filesz));
    if (const auto block = file.read_block(segment.p_offset, size)) {
        std::ranges::move(parse_notes(*block), std::back_inserter(info.notes));
    }
}

void check_is_of_a_kernel(const InputFile& file, const std::vector<Elf64_Phdr>& loads) {
    const bool physical =
        loads.size() < 2 || std::ranges::any_of(loads, [](auto& load) { return load.p_paddr; });
    if (loads.empty()) damaged(file, "it has no memory segments");
    if (!physical) throw OpenError(file.path() + " is the core of a user process, not of a kernel");
}

// Call before the pages are added to info.present: those that are there already have their extent.
void add_extent(FileInfo& info, std::uint64_t first, std::uint64_t end, std::uint64_t offset) {
    const auto& known = info.present.ranges();
    const std::uint64_t fresh = known.empty() ? first : std::max(first, known.back().end);
    if (fresh < end) {
        info.extents.push_back({{fresh, end}, offset + (fresh - first) * info.page_size});
    }
}

}  // namespace

FileInfo read_elf_core(const InputFile& file) {
    const Elf64_Ehdr header = read_header(file);
    FileInfo info;
    info.kind = FileKind::kElf;
    info.machine = elf_machine_name(header.e_machine);
    std::vector<Elf64_Phdr> loads;
    for (const Elf64_Phdr& segment : read_segments(file, header)) {
        if (segment.p_type == PT_NOTE) add_notes(file, segment, info);
        if (segment.p_type == PT_LOAD && segment.p_memsz != 0) loads.push_back(segment);
    }
    check_is_of_a_kernel(file, loads);

    // The kernel's text has a segment of its own which repeats frames of another: by address, the
    // page map leaves repetitions out.
    std::ranges::sort(loads, {}, [](auto& load) { return std::pair(load.p_paddr, ~load.p_memsz); });
    const std::uint64_t page = info.page_size;
    for (const Elf64_Phdr& load : loads) {
        const std::uint64_t first = load.p_paddr / page;
        const std::uint64_t in_file = std::min(load.p_filesz, load.p_memsz);
        const std::uint64_t there = bytes_there(file, load.p_offset, in_file);
        info.ram.add(first, first + load.p_memsz / page);
        if (load.p_paddr % page == 0) {
            add_extent(info, first, first + there / page, load.p_offset);
        }
        info.present.add(first, first + there / page);
        info.cut.add(first + there / page, first + in_file / page);
    }
    return info;
}

}  // namespace pyk
