// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace pyk {

// Long steps call this a few times a second, in the thread that called them, with what is done, how
// much and of how much. It may throw to end the step (Ctrl-C); an empty one is allowed.
using Progress = std::function<void(const std::string& what, std::uint64_t done, std::uint64_t of)>;

}  // namespace pyk
