// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/flattened.h"

#include <fcntl.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace pyk {
namespace {

constexpr std::uint64_t kHeaderSize = 4096;  // then records: offset and size, big-endian, and data
constexpr std::uint64_t kRecordSize = 16;
constexpr std::int64_t kMaxOffset = std::int64_t{1} << 50;
constexpr std::size_t kChunk = 1 << 20;

std::string megabytes(std::uint64_t bytes) {
    return std::to_string((bytes + 0xfffff) >> 20) + " MB";
}

class Reassembly {
 public:
    Reassembly(const InputFile& flat, const Progress& progress) : flat_(flat), progress_(progress) {
        const char* dir = std::getenv("TMPDIR");
        folder_ = dir != nullptr && *dir != '\0' ? dir : "/var/tmp";
        out_ = open_unnamed();
    }

    Reassembled run() {
        std::vector<std::string> warnings;
        if (!copy_records()) {
            warnings.push_back(flat_.path() +
                               " was cut short: its flattened stream has no end mark; "
                               "what came before is there");
        }
        return {InputFile(flat_.path(), std::move(out_)), std::move(warnings)};
    }

 private:
    UniqueFd open_unnamed() const {
        UniqueFd fd(::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
        if (fd) return fd;
        // A file system without O_TMPFILE.
        std::string name = folder_ + "/pykdump-XXXXXX";
        UniqueFd named(::mkostemp(name.data(), O_CLOEXEC));
        if (!named) fail(errno);
        ::unlink(name.c_str());
        return named;
    }

    [[noreturn]] void fail(int error) const {
        struct statvfs fs {};
        std::string room;
        if (error == ENOSPC && ::statvfs(folder_.c_str(), &fs) == 0) {
            room = " (up to " + megabytes(flat_.size()) + " are needed, " +
                   megabytes(fs.f_bavail * fs.f_frsize) + " are free)";
        }
        throw OpenError("cannot put the flattened dump " + flat_.path() + " together in " +
                        folder_ + ": " + std::strerror(error) + room +
                        "; set TMPDIR to a folder with room, or use makedumpfile -R");
    }

    void write_at(std::uint64_t offset, ByteSpan data) const {
        while (!data.empty()) {
            const ssize_t put =
                ::pwrite(out_.get(), data.data(), data.size(), static_cast<off_t>(offset));
            if (put < 0 && errno == EINTR) continue;
            if (put <= 0) fail(put < 0 ? errno : ENOSPC);
            offset += static_cast<std::uint64_t>(put);
            data = data.subspan(static_cast<std::size_t>(put));
        }
    }

    // Copies one record's data; false when the file ends first.
    bool copy_data(std::uint64_t from, std::uint64_t to, std::uint64_t size) {
        while (size > 0) {
            const auto part = std::span(buffer_).first(std::min<std::uint64_t>(kChunk, size));
            const std::size_t got = flat_.read_at(from, part);
            write_at(to, part.first(got));
            if (got < part.size()) return false;
            from += got;
            to += got;
            size -= got;
            report(from);
        }
        return true;
    }

    void report(std::uint64_t done) {
        if (!progress_ || done < next_report_) return;
        progress_("putting the flattened dump together", done, flat_.size());
        next_report_ = done + (16 << 20);
    }

    // False when the stream ends without its end mark.
    bool copy_records() {
        for (std::uint64_t at = kHeaderSize;;) {
            std::byte raw[kRecordSize];
            if (flat_.read_at(at, raw) != kRecordSize) return false;
            const auto offset = *load<std::int64_t>(raw, 0, std::endian::big);
            const auto size = *load<std::int64_t>(raw, 8, std::endian::big);
            if (offset == -1 && size == -1) return true;
            if (offset < 0 || size < 0 || offset > kMaxOffset || size > kMaxOffset) {
                throw OpenError(flat_.path() + " is damaged: a record of the flattened stream at " +
                                std::to_string(at) + " has an impossible place or size");
            }
            at += kRecordSize;
            if (!copy_data(at, static_cast<std::uint64_t>(offset),
                           static_cast<std::uint64_t>(size))) {
                return false;
            }
            at += static_cast<std::uint64_t>(size);
        }
    }

    const InputFile& flat_;
    const Progress& progress_;
    std::string folder_;
    UniqueFd out_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(kChunk);
    std::uint64_t next_report_ = 0;
};

}  // namespace

Reassembled reassemble(const InputFile& flat, const Progress& progress) {
    return Reassembly(flat, progress).run();
}

}  // namespace pyk
