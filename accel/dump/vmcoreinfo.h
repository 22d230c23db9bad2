// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace pyk {

// The KEY=VALUE lines by which a kernel describes itself to dump tools (kernel/crash_core.c).
class Vmcoreinfo {
 public:
    static Vmcoreinfo parse(std::string_view text);

    // The text in `memory` that begins at `start`, when it is VMCOREINFO of a kernel, not only
    // something that begins like it.
    static std::optional<Vmcoreinfo> recognise(std::string_view memory, std::size_t start);

    const std::map<std::string, std::string>& lines() const { return lines_; }
    bool empty() const { return lines_.empty(); }
    std::string text(const std::string& key) const;                      // "" when it is not there
    std::optional<std::uint64_t> symbol(const std::string& name) const;  // SYMBOL(name)=, hex
    std::optional<std::uint64_t> number(const std::string& name) const;  // NUMBER(name)=, decimal
    std::optional<std::uint64_t> hex(const std::string& key) const;      // key=, hex

 private:
    std::map<std::string, std::string> lines_;
};

}  // namespace pyk
