// SPDX-License-Identifier: GPL-2.0-or-later
// A vmcore: opened, described, and read from one thread or many.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dump/file_info.h"
#include "dump/progress.h"
#include "dump/reader.h"
#include "dump/source.h"
#include "dump/vmcoreinfo.h"

namespace pyk {

struct DumpDescription {
    std::vector<std::string> paths;
    std::string format;  // "ELF", "flattened kdump (zstd)", "kdump (lzo), split in 3"
    std::vector<std::string> warnings;  // what is missing or strange, a sentence each
    std::uint64_t size_bytes = 0;
    std::optional<int> dump_level;
    bool truncated = false;
    std::string release;
    std::string vmcoreinfo_from;  // "note", "memory at 0x...", "" when there is none
};

class Dump {
 public:
    // Opens the files of one dump (several: the parts of a split one, in any order) and finds the
    // kernel in memory as far as the dump itself says where it is. Throws OpenError.
    static std::shared_ptr<Dump> open(const std::vector<std::string>& paths,
                                      const Progress& progress);

    // Finds the kernel by what vmlinux holds, unless it is found. Throws Error when it is not
    // there.
    void locate(const std::string& vmlinux, const Progress& progress);

    void close();
    bool is_open() const { return source_ != nullptr; }

    const DumpDescription& description() const { return description_; }
    const Vmcoreinfo& vmcoreinfo() const { return vmcoreinfo_; }
    const std::vector<std::vector<std::byte>>& cpu_notes() const { return cpu_notes_; }
    bool has_qemu_notes() const { return has_qemu_notes_; }

    // These throw Error when the dump is closed.
    const Architecture& arch() const { return open_source().arch; }
    DumpSource& source() const { return open_source(); }
    std::shared_ptr<DumpSource> shared_source() const;
    std::unique_ptr<DumpReader> new_reader() const;
    // For memory of which very much is read once: it leaves the cache as it is where a page of the
    // file can be had again without work.
    std::unique_ptr<DumpReader> new_passing_reader() const;

    // Runs `use(reader)` on this dump's own reader, one caller at a time.
    template <typename Use>
    auto with_reader(Use use) const {
        const std::lock_guard lock(mutex_);
        open_source();
        return use(static_cast<const DumpReader&>(*reader_));
    }

 private:
    Dump() = default;
    DumpSource& open_source() const;
    void take_notes(const std::vector<Note>& notes);
    void find_kernel(const Progress& progress);

    DumpDescription description_;
    Vmcoreinfo vmcoreinfo_;
    std::vector<std::vector<std::byte>> cpu_notes_;
    bool has_qemu_notes_ = false;
    std::shared_ptr<DumpSource> source_;
    std::unique_ptr<DumpReader> reader_;
    mutable std::mutex mutex_;
};

}  // namespace pyk
