// SPDX-License-Identifier: GPL-2.0-or-later
#include "layout/columns.h"

#include <algorithm>

namespace pyk {

ByteSpan Column::value(const Field& field, std::size_t row) const {
    if (ends.empty()) return ByteSpan(bytes).subspan(row * field.size, field.size);
    const std::uint64_t begin = row == 0 ? 0 : ends[row - 1];
    return ByteSpan(bytes).subspan(begin, ends[row] - begin);
}

const Fault* Column::fault(std::size_t row) const {
    const auto found = std::ranges::lower_bound(faults, row, {}, &Fault::row);
    return found != faults.end() && found->row == row ? &*found : nullptr;
}

}  // namespace pyk
