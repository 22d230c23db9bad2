// SPDX-License-Identifier: GPL-2.0-or-later
// What the headers of one dump file say. libkdumpfile reads the pages; this is for the rest: which
// notes there are, which pages, and how many of them the file no longer holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dump/input_file.h"
#include "dump/page_map.h"
#include "dump/progress.h"

namespace pyk {

struct Note {
    std::string name;  // "CORE", "VMCOREINFO", "QEMU"
    std::uint32_t type = 0;
    std::vector<std::byte> desc;
};

enum class FileKind { kElf, kKdump, kFlattened };

// Pages that lie in a file one behind the other, as they are.
struct Extent {
    PageMap::Range pages;
    std::uint64_t offset = 0;  // of the first one, in the file
};

struct FileInfo {
    FileKind kind = FileKind::kElf;
    std::string compression;  // of a kdump: "zlib", "lzo", "snappy", "zstd", "uncompressed"
    std::string machine;      // as uname -m; "" when the header is blank
    std::string release;      // as uname -r; "" when the header is blank
    std::uint32_t page_size = 4096;
    std::vector<Note> notes;
    PageMap ram;                    // page frames with RAM
    PageMap present;                // of these, the ones that the file holds
    PageMap cut;                    // of these, the ones that lay behind the end of the file
    std::vector<Extent> extents;    // where the present pages of an ELF file lie in it
    std::optional<int> dump_level;  // makedumpfile's -d
    bool incomplete = false;        // the writer itself noted that it could not finish
    bool split = false;             // holds only the frames of `part`
    PageMap::Range part;
    std::string identity;  // equal in all the parts of a split dump
};

// What kind of dump `file` is by its first bytes. Throws OpenError when it is none, naming what it
// is.
FileKind identify(const InputFile& file);

// Reads the headers of an ELF or kdump file. Throws OpenError for one that cannot be used.
FileInfo read_elf_core(const InputFile& file);
FileInfo read_kdump(const InputFile& file, const Progress& progress);

// Takes ELF notes out of a note segment; one that runs over the end is left out.
std::vector<Note> parse_notes(ByteSpan segment);

}  // namespace pyk
