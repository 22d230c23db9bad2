// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace pyk {
namespace {

UniqueFd open_for_reading(const std::string& path) {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) throw OpenError("cannot open " + path + ": " + std::strerror(errno));
    return fd;
}

}  // namespace

InputFile::InputFile(const std::string& path) : InputFile(path, open_for_reading(path)) {}

InputFile::InputFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {
    struct stat st;
    if (::fstat(fd_.get(), &st) != 0) {
        throw OpenError("cannot open " + path_ + ": " + std::strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) throw OpenError(path_ + " is a folder; give the vmcore in it");
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        throw OpenError(path_ +
                        " is not a file that can be read by position; copy the dump to a file");
    }
    const off_t end = ::lseek(fd_.get(), 0, SEEK_END);
    size_ = end > 0 ? static_cast<std::uint64_t>(end) : 0;
    if (size_ == 0) throw OpenError(path_ + " is empty; the dump was not written");
}

bool InputFile::has_shrunk() const {
    struct stat st;
    if (::fstat(fd_.get(), &st) != 0) return true;
    return S_ISREG(st.st_mode) && static_cast<std::uint64_t>(st.st_size) < size_;
}

std::size_t InputFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t got = ::pread(fd_.get(), out.data() + done, out.size() - done,
                                    static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

std::optional<std::vector<std::byte>> InputFile::read_block(std::uint64_t offset,
                                                            std::uint64_t size) const {
    if (offset > size_ || size > size_ - offset) return std::nullopt;
    std::vector<std::byte> block(size);
    if (read_at(offset, block) != size) return std::nullopt;
    return block;
}

}  // namespace pyk
