// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "dump/input_file.h"
#include "dump/progress.h"

namespace pyk {

struct Reassembled {
    InputFile file;
    std::vector<std::string> warnings;  // when the stream was cut short
};

// Puts the records of a flattened dump (makedumpfile -F, QEMU) in their places in a sparse
// temporary file that has no name, in $TMPDIR or /var/tmp. Throws OpenError when there is no room
// for it or the stream makes no sense.
Reassembled reassemble(const InputFile& flat, const Progress& progress);

}  // namespace pyk
