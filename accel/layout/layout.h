// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "layout/columns.h"

namespace pyk {

// Fields of a struct, compiled once for bulk reading: those that lie close together are read at
// once, and pointers that several of them are reached through are followed once.
class Layout {
 public:
    explicit Layout(std::vector<Field> fields);  // throws Error for a size that cannot be

    const std::vector<Field>& fields() const { return fields_; }

    // The fields of many structs. Throws Interrupted when `interrupted` says so.
    Columns read_many(const MemoryReader& memory, std::span<const KernelAddr> structs,
                      const std::function<bool()>& interrupted = {}) const;

 private:
    // Where fields are looked for: in the struct itself (place 0), or in what a pointer at `offset`
    // in another place leads to.
    struct Place {
        std::size_t parent = 0;
        std::uint64_t offset = 0;
    };
    // Bytes of a place that are read at once, and the fields that they hold.
    struct Chunk {
        std::size_t place = 0;
        std::uint64_t offset = 0;
        std::uint32_t size = 0;
        std::vector<std::size_t> fields;
    };
    class Reading;

    std::size_t find_place(const Field& field);
    void add_to_chunk(std::size_t index, std::size_t place);

    std::vector<Field> fields_;
    std::vector<Place> places_{1};
    std::vector<Chunk> chunks_;
};

}  // namespace pyk
