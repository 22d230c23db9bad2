// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/dump.h"

#include <elf.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "dump/elf_file.h"
#include "dump/locate.h"
#include "dump/parts.h"

namespace pyk {
namespace {

std::string hex(std::uint64_t value) {
    char digits[16];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), value, 16).ptr;
    return "0x" + std::string(std::begin(digits), end);
}

DumpDescription describe(const Parts& parts, const std::vector<std::string>& paths) {
    DumpDescription description;
    description.paths = paths;
    description.format = parts.format();
    description.warnings = parts.warnings;
    for (const Part& part : parts.parts) {
        description.size_bytes += part.file.size();
        description.truncated |= part.info.cut.count() != 0 || part.info.incomplete;
    }
    const FileInfo& first = parts.parts.front().info;
    description.dump_level = first.dump_level;
    description.release = first.release;
    return description;
}

std::shared_ptr<DumpSource> make_source(Parts parts, const std::string& name) {
    const Architecture& arch = x86_64();  // open_parts() refused all others
    PageMaps pages{std::move(parts.parts.front().info.ram), parts.present(), parts.cut()};
    std::vector<Extent> extents = std::move(parts.parts.front().info.extents);
    const std::uint32_t page_size = parts.parts.front().info.page_size;
    std::vector<InputFile> files;
    for (Part& part : parts.parts) files.push_back(std::move(part.file));
    return std::make_shared<DumpSource>(std::move(files), std::move(pages), std::move(extents),
                                        arch, name, page_size);
}

}  // namespace

std::shared_ptr<Dump> Dump::open(const std::vector<std::string>& paths, const Progress& progress) {
    std::shared_ptr<Dump> dump(new Dump);
    Parts parts = open_parts(paths, progress);
    dump->description_ = describe(parts, paths);
    dump->take_notes(parts.parts.front().info.notes);
    dump->source_ = make_source(std::move(parts), paths.front());
    dump->find_kernel(progress);
    dump->reader_ = std::make_unique<DumpReader>(dump->source_);
    return dump;
}

void Dump::take_notes(const std::vector<Note>& notes) {
    for (const Note& note : notes) {
        if (note.name == "VMCOREINFO") {
            vmcoreinfo_ = Vmcoreinfo::parse(as_text(note.desc));
            description_.vmcoreinfo_from = "note";
        }
        if (note.name == "CORE" && note.type == NT_PRSTATUS) cpu_notes_.push_back(note.desc);
        has_qemu_notes_ |= note.name == "QEMU";
    }
}

void Dump::find_kernel(const Progress& progress) {
    if (vmcoreinfo_.empty()) {
        if (auto found = find_vmcoreinfo(source_, progress)) {
            vmcoreinfo_ = std::move(found->info);
            description_.vmcoreinfo_from = "memory at " + hex(found->where.value);
            description_.warnings.push_back(
                "the dump has no VMCOREINFO note; the kernel's own copy was found in " +
                description_.vmcoreinfo_from);
        } else {
            description_.warnings.emplace_back(
                "the dump has no VMCOREINFO, neither as a note nor in memory; the kernel is sought "
                "by its vmlinux");
        }
    }
    if (const std::string release = vmcoreinfo_.text("OSRELEASE"); !release.empty()) {
        description_.release = release;
    }
    source_->place = place_by_vmcoreinfo(source_, vmcoreinfo_);
}

void Dump::locate(const std::string& vmlinux, const Progress& progress) {
    const std::lock_guard lock(mutex_);
    DumpSource& source = open_source();
    if (source.place) return;
    source.place = place_by_banner(source_, ElfFile(vmlinux), progress);
    if (!source.place) {
        std::string known;
        for (const std::string& warning : description_.warnings) known += "; " + warning;
        throw Error("the kernel of " + vmlinux + " is not in what there is of the dump " +
                    description_.paths.front() + known +
                    ". Load the vmlinux of the kernel that crashed" +
                    (known.empty() ? "" : ", or get a whole copy of the dump"));
    }
    reader_ = std::make_unique<DumpReader>(source_);
}

void Dump::close() {
    const std::lock_guard lock(mutex_);
    reader_.reset();
    source_.reset();
}

DumpSource& Dump::open_source() const {
    if (!source_) throw Error("the dump is closed; open it again with target kdump");
    return *source_;
}

std::shared_ptr<DumpSource> Dump::shared_source() const {
    open_source();
    return source_;
}

std::unique_ptr<DumpReader> Dump::new_reader() const {
    return std::make_unique<DumpReader>(shared_source());
}

std::unique_ptr<DumpReader> Dump::new_passing_reader() const {
    return std::make_unique<DumpReader>(shared_source(), Pages::kPass);
}

}  // namespace pyk
