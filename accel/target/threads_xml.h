// SPDX-License-Identifier: GPL-2.0-or-later
// The list of threads in the form in which GDB reads it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "target/thread_table.h"

namespace pyk {

// `text` without what is not UTF-8 and without control characters, which neither XML nor a terminal
// should be given: names come from the dump, where they may be anything.
std::string printable(std::string_view text);

std::string threads_xml(const std::vector<Thread>& threads);

}  // namespace pyk
