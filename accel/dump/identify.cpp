// SPDX-License-Identifier: GPL-2.0-or-later
#include <elf.h>

#include <array>

#include "base/error.h"
#include "dump/file_info.h"

namespace pyk {
namespace {

struct Signature {
    std::string_view bytes;
    const char* what;
};

// Files that people give by mistake, with what helps.
constexpr Signature kMistakes[] = {
    {"\x1f\x8b", "a gzip file; unpack it first"},
    {"\xfd"
     "7zXZ",
     "an xz file; unpack it first"},
    {"\x28\xb5\x2f\xfd", "a zstd file; unpack it first"},
    {"BZh", "a bzip2 file; unpack it first"},
    {"PK\x03\x04", "a zip file; unpack it first"},
    {"LiME", "a LiME memory image, which has no kernel notes"},
    {"EMiL", "a LiME memory image, which has no kernel notes"},
};

[[noreturn]] void refuse(const InputFile& file, const std::string& what) {
    throw OpenError(file.path() + " is not a kernel dump but " + what);
}

void check_elf_type(const InputFile& file, ByteSpan head) {
    const auto type = load<std::uint16_t>(head, 16).value_or(0);
    const bool big_endian = static_cast<unsigned char>(head[EI_DATA]) == ELFDATA2MSB;
    if ((big_endian ? byte_swap(type) : type) == ET_CORE) return;
    refuse(file, "an ELF program or object (a vmlinux?); give the vmcore");
}

}  // namespace

FileKind identify(const InputFile& file) {
    std::array<std::byte, 4096> buffer{};
    const std::size_t got = file.read_at(0, buffer);
    if (got == 0) throw OpenError("cannot read " + file.path() + ": input/output error");
    const ByteSpan head(buffer.data(), buffer.size());
    const std::string_view text = as_text(head);

    if (text.starts_with(ELFMAG)) {
        check_elf_type(file, head);
        return FileKind::kElf;
    }
    if (text.starts_with("KDUMP   ") || text.starts_with("DISKDUMP")) return FileKind::kKdump;
    if (text.starts_with("makedumpfile")) return FileKind::kFlattened;
    for (const Signature& mistake : kMistakes) {
        if (text.starts_with(mistake.bytes)) refuse(file, mistake.what);
    }
    throw OpenError(file.path() +
                    " is not a kernel dump: neither ELF, kdump nor flattened makedumpfile format");
}

std::vector<Note> parse_notes(ByteSpan segment) {
    const auto padded = [](std::uint64_t size) { return (size + 3) & ~std::uint64_t{3}; };
    std::vector<Note> notes;
    for (std::uint64_t at = 0; at < segment.size();) {
        const auto name_size = load<std::uint32_t>(segment, at);
        const auto desc_size = load<std::uint32_t>(segment, at + 4);
        const auto type = load<std::uint32_t>(segment, at + 8);
        if (!type) break;
        const std::uint64_t name_at = at + 12;
        const std::uint64_t desc_at = name_at + padded(*name_size);
        if (desc_at > segment.size() || *desc_size > segment.size() - desc_at) break;
        // A CPU that never stored its registers leaves a note of zeros, and so does the end.
        if (*name_size != 0) {
            const ByteSpan desc = segment.subspan(desc_at, *desc_size);
            notes.push_back({std::string(c_text(segment.subspan(name_at, *name_size))),
                             *type,
                             {desc.begin(), desc.end()}});
        }
        at = desc_at + padded(*desc_size);
    }
    return notes;
}

}  // namespace pyk
