// SPDX-License-Identifier: GPL-2.0-or-later
// Values of many structs' fields, a column a field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "dump/memory_reader.h"

namespace pyk {

enum class FieldKind : char {
    kUnsigned = 'u',
    kSigned = 's',
    kBool = '?',
    kBytes = 'b',
    kText = 'c',    // a char array, up to its first NUL
    kString = 'z',  // a pointer to text that ends with a NUL
};

// A member of a struct, reached through pointers when `pointers` is not empty: the offset of the
// first pointer in the struct, of the second one in what the first points at, and so on.
struct Field {
    std::string name;
    std::vector<std::uint64_t> pointers;
    std::uint64_t offset = 0;
    std::uint32_t size = 0;  // of a value in the column
    FieldKind kind = FieldKind::kUnsigned;
    std::uint32_t shift = 0, width = 0;  // of a bitfield, in the bytes at offset; else 0

    // How many bytes of the struct it lies in.
    std::uint32_t span() const { return width == 0 ? size : (shift + width + 7) / 8; }
};

// Why a struct has no value in a column.
struct Fault {
    std::size_t row = 0;
    KernelAddr addr;  // what could not be read; NULL: a pointer on the way was NULL
};

struct Column {
    std::vector<std::byte> bytes;     // Field::size for each struct, zeros where there is no value
    std::vector<std::uint64_t> ends;  // of strings only, which have many sizes: where each ends
    std::vector<Fault> faults;        // in the order of the rows

    ByteSpan value(const Field& field, std::size_t row) const;
    const Fault* fault(std::size_t row) const;
};

struct Columns {
    std::size_t rows = 0;
    std::vector<Column> columns;
};

}  // namespace pyk
