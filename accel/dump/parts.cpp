// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/parts.h"

#include <algorithm>

#include "base/error.h"
#include "dump/flattened.h"

namespace pyk {
namespace {

Part open_part(const std::string& path, const Progress& progress,
               std::vector<std::string>& warnings) {
    InputFile file(path);
    FileKind kind = identify(file);
    const bool flattened = kind == FileKind::kFlattened;
    if (flattened) {
        Reassembled whole = reassemble(file, progress);
        std::ranges::move(whole.warnings, std::back_inserter(warnings));
        file = std::move(whole.file);
        kind = identify(file);
    }
    FileInfo info = kind == FileKind::kElf ? read_elf_core(file) : read_kdump(file, progress);
    return {std::move(file), std::move(info), flattened};
}

void check_belong_together(const std::vector<Part>& parts) {
    const Part& first = parts.front();
    for (const Part& part : parts) {
        if (!part.info.split) {
            throw OpenError(part.file.path() +
                            " is a dump of its own, not a part of a split one; open it alone");
        }
        if (part.info.identity != first.info.identity) {
            throw OpenError(part.file.path() + " and " + first.file.path() +
                            " are parts of different dumps");
        }
    }
}

std::string frames(const PageMap::Range& range) {
    return std::to_string(range.first) + " to " + std::to_string(range.end - 1);
}

// Parts must be in order. Reports the frames with RAM that no part covers.
void check_coverage(const std::vector<Part>& parts, std::vector<std::string>& warnings) {
    const std::vector<PageMap::Range>& ram = parts.front().info.ram.ranges();
    const std::uint64_t end = ram.empty() ? 0 : ram.back().end;
    std::uint64_t covered = 0;
    const auto report_gap = [&](std::uint64_t up_to) {
        if (covered >= up_to) return;
        warnings.push_back("a part of the split dump is missing, the one with page frames " +
                           frames({covered, up_to}) + "; their pages cannot be read: give it too");
    };
    for (const Part& part : parts) {
        if (part.info.part.first < covered) {
            throw OpenError(part.file.path() + " holds page frames that another part holds too (" +
                            frames(part.info.part) + "); give each part once");
        }
        report_gap(part.info.part.first);
        covered = part.info.part.end;
    }
    report_gap(end);
}

void warn_of_cut(const Part& part, std::vector<std::string>& warnings) {
    const std::uint64_t cut = part.info.cut.count();
    const std::uint64_t pages = part.info.present.count() + cut;
    if (cut != 0) {
        const std::string others = cut < pages ? "; the others can be read" : "";
        warnings.push_back(part.file.path() + " was cut short: " + std::to_string(cut) + " of " +
                           std::to_string(pages) + " pages (" + std::to_string(cut * 100 / pages) +
                           "%) are missing" + others);
    } else if (part.info.incomplete) {
        warnings.push_back(part.file.path() + " is marked incomplete by the program that wrote it");
    }
}

PageMap merged(const std::vector<Part>& parts, PageMap FileInfo::*map) {
    PageMap all;
    for (const Part& part : parts) {
        for (const auto& [first, end] : (part.info.*map).ranges()) all.add(first, end);
    }
    return all;
}

}  // namespace

Parts open_parts(const std::vector<std::string>& paths, const Progress& progress) {
    if (paths.empty()) throw OpenError("no dump was given; name the vmcore");
    Parts all;
    for (const std::string& path : paths) {
        all.parts.push_back(open_part(path, progress, all.warnings));
    }
    if (paths.size() > 1) check_belong_together(all.parts);
    std::ranges::sort(all.parts, {}, [](const Part& part) { return part.info.part.first; });
    if (all.parts.front().info.split) check_coverage(all.parts, all.warnings);
    for (const Part& part : all.parts) warn_of_cut(part, all.warnings);
    return all;
}

std::string Parts::format() const {
    const Part& first = parts.front();
    std::string text = first.flattened ? "flattened " : "";
    text += first.info.kind == FileKind::kElf ? "ELF" : "kdump (" + first.info.compression + ")";
    if (parts.size() > 1) text += ", split in " + std::to_string(parts.size());
    return text;
}

PageMap Parts::present() const {
    return merged(parts, &FileInfo::present);
}
PageMap Parts::cut() const {
    return merged(parts, &FileInfo::cut);
}

}  // namespace pyk
