// SPDX-License-Identifier: GPL-2.0-or-later
// The headers of makedumpfile's compressed format: block 0 the main header, block 1 the sub header,
// two bitmaps (RAM, written), a descriptor for each written page, then the pages.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "dump/file_info.h"

namespace pyk {
namespace {

// struct disk_dump_header and struct kdump_sub_header, 64-bit.
constexpr std::size_t kUtsRelease = 12 + 2 * 65, kUtsMachine = 12 + 4 * 65, kUtsLength = 65;
constexpr std::size_t kStatus = 424, kBlockSize = 428, kSubHeaderBlocks = 432;
constexpr std::size_t kBitmapBlocks = 436, kMaxPfn32 = 440, kHeaderEnd = 464;
constexpr std::size_t kDumpLevel = 8, kSplit = 12, kStartPfn32 = 16, kEndPfn32 = 24;
constexpr std::size_t kNotesOffset = 48, kNotesSize = 56;
constexpr std::size_t kStartPfn = 80, kEndPfn = 88, kMaxPfn = 96, kSubHeaderEnd = 104;

constexpr std::uint32_t kIncomplete = 0x8;
constexpr struct {
    std::uint32_t bit;
    const char* name;
} kCompressions[] = {{0x1, "zlib"}, {0x2, "lzo"}, {0x4, "snappy"}, {0x20, "zstd"}};

constexpr std::uint64_t kDescSize = 24;
constexpr std::uint64_t kHeaderSlack = 8192;  // data begin behind the descriptors, rounded up
constexpr std::uint64_t kDescsAtOnce = 1 << 16;
constexpr std::uint64_t kMaxNotes = 64 << 20;
constexpr int kMaxVersion = 99;
constexpr std::uint64_t kMaxSubBlocks = 1 << 16;

[[noreturn]] void damaged(const InputFile& file, const std::string& what) {
    throw OpenError(file.path() + " is damaged: " + what);
}

template <typename T>
T field(ByteSpan header, std::size_t offset) {
    return load<T>(header, offset).value_or(0);
}

struct Geometry {
    int version = 0;
    std::uint64_t block = 0, bitmap_at = 0, bitmap_bytes = 0, descs_at = 0, max_pfn = 0;
};

Geometry read_geometry(const InputFile& file, ByteSpan header) {
    Geometry shape;
    shape.version = field<std::int32_t>(header, 8);
    if (shape.version < 1 || shape.version > kMaxVersion) {
        damaged(file, "its header has version " + std::to_string(shape.version));
    }
    shape.block = field<std::uint32_t>(header, kBlockSize);
    if (shape.block != 4096) {
        const auto swapped = byte_swap(static_cast<std::uint32_t>(shape.block));
        throw OpenError(file.path() + " is a dump of another architecture (page size " +
                        std::to_string(std::min<std::uint64_t>(shape.block, swapped)) +
                        "); only x86_64 dumps can be opened");
    }
    const std::uint64_t sub_blocks = field<std::uint32_t>(header, kSubHeaderBlocks);
    const std::uint64_t bitmap_blocks = field<std::uint32_t>(header, kBitmapBlocks);
    if (sub_blocks == 0 || sub_blocks > kMaxSubBlocks) {
        damaged(file, "its sub header has " + std::to_string(sub_blocks) + " blocks");
    }
    shape.bitmap_at = (1 + sub_blocks) * shape.block;
    shape.bitmap_bytes = bitmap_blocks * shape.block / 2;
    shape.descs_at = shape.bitmap_at + 2 * shape.bitmap_bytes;
    shape.max_pfn = field<std::uint32_t>(header, kMaxPfn32);
    return shape;
}

// libkdumpfile trusts these numbers.
void check_geometry(const InputFile& file, const Geometry& shape) {
    if (shape.descs_at > file.size()) {
        damaged(file, "it ends within its page bitmaps, before any page");
    }
    if (shape.max_pfn == 0 || (shape.max_pfn - 1) / 8 >= shape.bitmap_bytes) {
        damaged(file,
                "its page bitmaps do not fit its " + std::to_string(shape.max_pfn) + " pages");
    }
}

void read_sub_header(const InputFile& file, Geometry& shape, FileInfo& info) {
    const auto sub = file.read_block(shape.block, kSubHeaderEnd);
    if (!sub) damaged(file, "it ends within its headers");
    const auto value = [&](std::size_t offset) { return field<std::uint64_t>(*sub, offset); };
    const bool wide = shape.version >= 6;
    if (wide) shape.max_pfn = value(kMaxPfn);
    if (shape.version >= 1) info.dump_level = field<std::int32_t>(*sub, kDumpLevel);
    if (shape.version >= 2 && field<std::int32_t>(*sub, kSplit) != 0) {
        info.split = true;
        info.part = {value(wide ? kStartPfn : kStartPfn32), value(wide ? kEndPfn : kEndPfn32)};
    }
    if (shape.version >= 4) {
        const std::uint64_t offset = value(kNotesOffset), size = value(kNotesSize);
        const auto notes = size <= kMaxNotes ? file.read_block(offset, size) : std::nullopt;
        if (!notes) damaged(file, "its notes (registers, VMCOREINFO) do not lie in the file");
        info.notes = parse_notes(*notes);
    }
}

PageMap read_bitmap(const InputFile& file, std::uint64_t offset, std::uint64_t bytes,
                    PageMap::Range limits) {
    PageMap map;
    std::vector<std::byte> chunk(1 << 20);
    for (std::uint64_t at = 0; at < bytes; at += chunk.size()) {
        const std::uint64_t want = std::min<std::uint64_t>(chunk.size(), bytes - at);
        if (file.read_at(offset + at, std::span(chunk).first(want)) != want) {
            damaged(file, "it ends within its page bitmaps, before any page");
        }
        map.add_bits(chunk.data(), want, at * 8);
    }
    PageMap within;
    for (const auto& [first, end] : map.ranges()) {
        within.add(std::max(first, limits.first), std::min(end, limits.end));
    }
    return within;
}

// A page whose data do not lie in the file. A writer that ran out of space leaves zeros.
bool is_cut(const InputFile& file, ByteSpan desc) {
    const auto offset = field<std::uint64_t>(desc, 0);
    const auto size = field<std::uint32_t>(desc, 8);
    return offset == 0 || offset > file.size() || size > file.size() - offset;
}

// Reads the descriptors of `count` pages from the `first` one on; those behind the end are zeros.
std::vector<std::byte> read_descs(const InputFile& file, std::uint64_t descs_at,
                                  std::uint64_t first, std::uint64_t count) {
    std::vector<std::byte> block(count * kDescSize);
    file.read_at(descs_at + first * kDescSize, block);
    return block;
}

// Pages come in the order of their descriptors, but for zero pages, which share one at the front.
// So a whole file is known by the last descriptors that are not of zero pages.
bool is_whole(const InputFile& file, std::uint64_t descs_at, std::uint64_t pages) {
    const std::uint64_t zero_pages_end = descs_at + pages * kDescSize + kHeaderSlack;
    for (std::uint64_t end = pages; end > 0;) {
        const std::uint64_t count = std::min(end, kDescsAtOnce);
        const auto descs = read_descs(file, descs_at, end - count, count);
        std::uint64_t highest = 0;
        for (std::size_t at = 0; at < descs.size(); at += kDescSize) {
            if (is_cut(file, ByteSpan(descs).subspan(at, kDescSize))) return false;
            highest = std::max(highest, field<std::uint64_t>(descs, at));
        }
        if (highest > zero_pages_end) return true;
        end -= count;
    }
    return true;
}

// Moves the pages that the file no longer holds from `present` to `cut`.
void sort_out_cut(const InputFile& file, std::uint64_t descs_at, FileInfo& info,
                  const Progress& progress) {
    const PageMap promised = std::exchange(info.present, {});
    std::uint64_t rank = 0;
    for (const PageMap::Range& range : promised.ranges()) {
        for (std::uint64_t pfn = range.first; pfn < range.end;) {
            if (progress) progress("counting the pages that were cut off", rank, promised.count());
            const std::uint64_t count = std::min(kDescsAtOnce, range.end - pfn);
            const auto descs = read_descs(file, descs_at, rank, count);
            for (std::uint64_t i = 0; i < count; ++i, ++pfn) {
                const bool cut = is_cut(file, ByteSpan(descs).subspan(i * kDescSize, kDescSize));
                (cut ? info.cut : info.present).add(pfn, pfn + 1);
            }
            rank += count;
        }
    }
}

void read_names(ByteSpan header, FileInfo& info) {
    info.release = c_text(header.subspan(kUtsRelease, kUtsLength));
    info.machine = c_text(header.subspan(kUtsMachine, kUtsLength));
    const auto status = field<std::uint32_t>(header, kStatus);
    info.incomplete = status & kIncomplete;
    info.compression = "uncompressed";
    for (const auto& [bit, name] : kCompressions) {
        if (status & bit) info.compression = name;
    }
    // Version, names and time of the crash.
    info.identity = as_text(header.subspan(8, kStatus - 8));
}

}  // namespace

FileInfo read_kdump(const InputFile& file, const Progress& progress) {
    const auto header = file.read_block(0, kHeaderEnd);
    if (!header) damaged(file, "it ends within its headers");
    FileInfo info;
    info.kind = FileKind::kKdump;
    read_names(*header, info);
    if (!info.machine.empty() && info.machine != "x86_64") {
        throw OpenError(file.path() + " is a dump of " + info.machine +
                        "; only x86_64 dumps can be opened");
    }
    Geometry shape = read_geometry(file, *header);
    info.page_size = static_cast<std::uint32_t>(shape.block);
    read_sub_header(file, shape, info);
    check_geometry(file, shape);
    const PageMap::Range all{0, shape.max_pfn};
    if (!info.split) info.part = all;
    info.part.end = std::min(info.part.end, all.end);
    info.ram = read_bitmap(file, shape.bitmap_at, shape.bitmap_bytes, all);
    info.present =
        read_bitmap(file, shape.bitmap_at + shape.bitmap_bytes, shape.bitmap_bytes, info.part);
    if (!is_whole(file, shape.descs_at, info.present.count())) {
        sort_out_cut(file, shape.descs_at, info, progress);
    }
    return info;
}

}  // namespace pyk
