// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "dump/unique_fd.h"

namespace pyk {

// A regular file or block device that is only read, by position. Never mapped: a file that is cut
// while it is open must not end the process.
class InputFile {
 public:
    explicit InputFile(const std::string& path);  // throws OpenError
    InputFile(std::string path, UniqueFd fd);     // takes an open file over; throws OpenError

    const std::string& path() const { return path_; }
    int fd() const { return fd_.get(); }
    std::uint64_t size() const { return size_; }

    // Whether someone has cut or removed its contents since it was opened.
    bool has_shrunk() const;

    // The number of bytes that could be read at `offset`: fewer at the end of the file or on an I/O
    // error.
    std::size_t read_at(std::uint64_t offset, std::span<std::byte> out) const;

    // Exactly `size` bytes; nothing when they are not all there.
    std::optional<std::vector<std::byte>> read_block(std::uint64_t offset,
                                                     std::uint64_t size) const;

 private:
    std::string path_;
    UniqueFd fd_;
    std::uint64_t size_ = 0;
};

}  // namespace pyk
