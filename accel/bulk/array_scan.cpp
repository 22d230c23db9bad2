// SPDX-License-Identifier: GPL-2.0-or-later
#include "bulk/array_scan.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/error.h"

namespace pyk {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kBytesAtOnce = 1 << 18;
constexpr std::uint64_t kStructsForThread = 1 << 15;
constexpr std::uint64_t kMaxStructs = 1ULL << 34;  // the struct pages of 64 TiB

void check(const StructArray& array) {
    if (array.stride == 0 || array.stride > kPage || array.count > kMaxStructs) {
        throw Error("an array of " + std::to_string(array.count) + " structs of " +
                    std::to_string(array.stride) + " bytes is none that a kernel has");
    }
}

void check(const StructArray& array, const ArrayField& field) {
    const bool is_integer =
        field.size == 1 || field.size == 2 || field.size == 4 || field.size == 8;
    if (!is_integer || field.size > array.stride || field.offset > array.stride - field.size) {
        throw Error("a member of " + std::to_string(field.size) + " bytes at " +
                    std::to_string(field.offset) + " does not lie in a struct of " +
                    std::to_string(array.stride));
    }
}

std::uint64_t value_of(const std::byte* structure, const ArrayField& field) {
    std::uint64_t value = 0;
    std::memcpy(&value, structure + field.offset, field.size);
    return value;
}

// Calls `visit(struct, bytes)` for each run of whole structs that can be read; returns how many
// cannot.
template <typename Visit>
std::uint64_t for_each_run(const MemoryReader& memory, const StructArray& array, WalkBounds& bounds,
                           Visit visit) {
    std::vector<std::byte> raw(kBytesAtOnce);
    const std::uint64_t at_once = kBytesAtOnce / array.stride;
    std::uint64_t unreadable = 0;
    for (std::uint64_t at = 0; at < array.count && !bounds.is_interrupted_now();) {
        const std::uint64_t count = std::min(at_once, array.count - at);
        const KernelAddr start = array.base + at * array.stride;
        const std::size_t got =
            memory.read_prefix(start, std::span(raw).first(count * array.stride));
        const std::uint64_t whole = got / array.stride;
        visit(start, std::span(raw).first(whole * array.stride));
        at += whole;
        if (whole == count) continue;
        // On to the first struct that begins behind the unreadable page.
        const std::uint64_t behind =
            kPage - (start.value + got) % kPage + got - whole * array.stride;
        const std::uint64_t skipped =
            std::min((behind + array.stride - 1) / array.stride, array.count - at);
        unreadable += skipped;
        at += skipped;
    }
    return unreadable;
}

StructArray piece_of(const StructArray& array, std::uint64_t first, std::uint64_t end) {
    return {array.base + first * array.stride, array.stride, end - first};
}

ArrayMatches select_piece(const MemoryReader& memory, const StructArray& array,
                          std::span<const ArrayTest> tests, WalkBounds& bounds) {
    const auto passes = [&](const std::byte* structure) {
        return std::ranges::all_of(tests, [&](const ArrayTest& test) {
            return (value_of(structure, test.field) & test.mask) == test.value;
        });
    };
    ArrayMatches found;
    found.unreadable = for_each_run(
        memory, array, bounds, [&](KernelAddr first, std::span<const std::byte> bytes) {
            for (std::size_t at = 0; at < bytes.size(); at += array.stride) {
                if (passes(bytes.data() + at)) found.structs.push_back(first + at);
            }
        });
    found.is_interrupted = bounds.is_interrupted_now();
    return found;
}

ArrayHistogram count_piece(const MemoryReader& memory, const StructArray& array,
                           const ArrayField& field, std::uint64_t mask, WalkBounds& bounds) {
    std::unordered_map<std::uint64_t, std::uint64_t> counts;
    ArrayHistogram found;
    // Neighbours mostly have the same value.
    std::uint64_t last = 0, run = 0;
    found.unreadable =
        for_each_run(memory, array, bounds, [&](KernelAddr, std::span<const std::byte> bytes) {
            for (std::size_t at = 0; at < bytes.size(); at += array.stride) {
                const std::uint64_t value = value_of(bytes.data() + at, field) & mask;
                if (value != last) {
                    if (run != 0) counts[last] += run;
                    last = value;
                    run = 0;
                }
                ++run;
            }
        });
    if (run != 0) counts[last] += run;
    found.counts.insert(counts.begin(), counts.end());
    found.is_interrupted = bounds.is_interrupted_now();
    return found;
}

}  // namespace

ArrayMatches select_structs(const NewReader& new_reader, const StructArray& array,
                            std::span<const ArrayTest> tests, WalkBounds& bounds) {
    check(array);
    for (const ArrayTest& test : tests) check(array, test.field);
    ArrayMatches whole;
    const auto select = [&](const MemoryReader& memory, std::uint64_t first, std::uint64_t end,
                            WalkBounds& own) {
        return select_piece(memory, piece_of(array, first, end), tests, own);
    };
    for (const ArrayMatches& piece :
         in_pieces(new_reader, array.count, kStructsForThread, bounds, select)) {
        whole.structs.insert(whole.structs.end(), piece.structs.begin(), piece.structs.end());
        whole.unreadable += piece.unreadable;
        whole.is_interrupted |= piece.is_interrupted;
    }
    return whole;
}

ArrayHistogram count_values(const NewReader& new_reader, const StructArray& array,
                            const ArrayField& field, std::uint64_t mask, WalkBounds& bounds) {
    check(array);
    check(array, field);
    ArrayHistogram whole;
    const auto count = [&](const MemoryReader& memory, std::uint64_t first, std::uint64_t end,
                           WalkBounds& own) {
        return count_piece(memory, piece_of(array, first, end), field, mask, own);
    };
    for (const ArrayHistogram& piece :
         in_pieces(new_reader, array.count, kStructsForThread, bounds, count)) {
        for (const auto& [value, structs] : piece.counts) whole.counts[value] += structs;
        whole.unreadable += piece.unreadable;
        whole.is_interrupted |= piece.is_interrupted;
    }
    return whole;
}

}  // namespace pyk
