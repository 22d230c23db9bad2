// SPDX-License-Identifier: GPL-2.0-or-later
// Very long arrays of structs, as that of all struct pages, looked through in one call.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "walk/pieces.h"

namespace pyk {

struct StructArray {
    KernelAddr base;
    std::uint64_t stride = 0;  // size of a struct
    std::uint64_t count = 0;
};

// An unsigned member of a struct.
struct ArrayField {
    std::uint64_t offset = 0;
    std::uint32_t size = 0;  // 1, 2, 4 or 8
};

// A member whose bits under `mask` are `value`.
struct ArrayTest {
    ArrayField field;
    std::uint64_t mask = 0, value = 0;
};

struct ArrayMatches {
    std::vector<KernelAddr> structs;
    std::uint64_t unreadable = 0;  // structs that could not be looked at
    bool is_interrupted = false;
};

// Both use several threads where the array is long.

// The structs that pass all tests, in order. Unreadable ones are passed over, a page at a time.
ArrayMatches select_structs(const NewReader& new_reader, const StructArray& array,
                            std::span<const ArrayTest> tests, WalkBounds& bounds);

struct ArrayHistogram {
    std::map<std::uint64_t, std::uint64_t> counts;  // structs by value
    std::uint64_t unreadable = 0;
    bool is_interrupted = false;
};

// How many structs have which value, less the bits outside `mask`, in a member.
ArrayHistogram count_values(const NewReader& new_reader, const StructArray& array,
                            const ArrayField& field, std::uint64_t mask, WalkBounds& bounds);

}  // namespace pyk
