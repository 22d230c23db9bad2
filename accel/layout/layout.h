// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "dump/memory_reader.h"

namespace pyk {

enum class FieldKind : char { kUnsigned = 'u', kSigned = 's', kBytes = 'b', kText = 'c' };

// A member of a struct, reached through pointers when `pointers` is not empty: the offset of the
// first pointer in the struct, of the second one in what the first points at, and so on.
struct Field {
    std::string name;
    std::vector<std::uint64_t> pointers;
    std::uint64_t offset = 0;
    std::uint32_t size = 0;
    FieldKind kind = FieldKind::kUnsigned;
};

// Many structs' values of one field: `size` bytes each, in the order of the structs.
using Column = std::vector<std::byte>;

struct Columns {
    std::vector<Column> columns;  // one a field
    std::vector<bool> readable;   // one a struct: all its fields could be read
};

// Fields of a struct, compiled once for bulk reading.
class Layout {
 public:
    explicit Layout(std::vector<Field> fields);  // throws Error for a size that cannot be

    const std::vector<Field>& fields() const { return fields_; }
    Columns read_many(const MemoryReader& memory, const std::vector<KernelAddr>& structs) const;

 private:
    std::vector<Field> fields_;
};

}  // namespace pyk
