// SPDX-License-Identifier: GPL-2.0-or-later
#include "layout/layout.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace pyk {
namespace {

constexpr std::uint32_t kMaxFieldSize = 1 << 20;

bool has_integer_size(const Field& field) {
    return field.size == 1 || field.size == 2 || field.size == 4 || field.size == 8;
}

void check(const Field& field) {
    const bool integer = field.kind == FieldKind::kUnsigned || field.kind == FieldKind::kSigned;
    if (field.size == 0 || field.size > kMaxFieldSize || (integer && !has_integer_size(field))) {
        throw Error("field " + field.name + " has a size of " + std::to_string(field.size) +
                    " bytes, which its kind cannot have");
    }
}

std::optional<KernelAddr> find_holder(const MemoryReader& memory, KernelAddr start,
                                      const Field& field) {
    for (const std::uint64_t offset : field.pointers) {
        const auto next = memory.read_pointer(start + offset);
        if (!next || !*next) return std::nullopt;
        start = *next;
    }
    return start;
}

}  // namespace

Layout::Layout(std::vector<Field> fields) : fields_(std::move(fields)) {
    std::ranges::for_each(fields_, check);
}

Columns Layout::read_many(const MemoryReader& memory,
                          const std::vector<KernelAddr>& structs) const {
    Columns result;
    result.readable.assign(structs.size(), true);
    for (const Field& field : fields_) {
        Column column(structs.size() * field.size);
        for (std::size_t i = 0; i < structs.size(); ++i) {
            if (!result.readable[i]) continue;
            const auto holder = find_holder(memory, structs[i], field);
            const auto out = std::span(column).subspan(i * field.size, field.size);
            if (!holder || !memory.read_exactly(*holder + field.offset, out)) {
                result.readable[i] = false;
            }
        }
        result.columns.push_back(std::move(column));
    }
    return result;
}

}  // namespace pyk
