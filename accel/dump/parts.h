// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "dump/file_info.h"
#include "dump/progress.h"

namespace pyk {

struct Part {
    InputFile file;
    FileInfo info;
    bool flattened = false;
};

// The files of one dump: opened, put together where flattened, and in the order of their pages.
struct Parts {
    std::vector<Part> parts;
    std::vector<std::string> warnings;

    std::string format() const;
    PageMap present() const;
    PageMap cut() const;
};

// Throws OpenError when a file is no dump or the files do not belong together. A part of a split
// dump that was not given is a warning: what the others hold can be read.
Parts open_parts(const std::vector<std::string>& paths, const Progress& progress);

}  // namespace pyk
