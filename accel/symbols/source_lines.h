// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pyk {

struct SourcePlace {
    std::string file;  // as the compiler was told it, so mostly relative to where it ran
    int line = 0;
};

struct SourceFrame {
    std::string function;
    SourcePlace place;
};

// Where code comes from, by the DWARF of a linked file. Read with elfutils, which checks what it
// reads; of what is damaged nothing is known. All addresses are as linked. Not for several threads.
class SourceLines {
 public:
    explicit SourceLines(const std::string& path);  // throws Error when there is no DWARF
    ~SourceLines();
    SourceLines(const SourceLines&) = delete;
    SourceLines& operator=(const SourceLines&) = delete;

    // The line of an instruction; of code that was inlined there, of the innermost.
    std::optional<SourcePlace> line_at(std::uint64_t addr);
    // The function that an instruction belongs to is the last, functions that were inlined there
    // are before it, the innermost first. A place without a line is not known.
    std::vector<SourceFrame> frames_at(std::uint64_t addr);

 private:
    class File;

    std::unique_ptr<File> file_;
};

}  // namespace pyk
