// SPDX-License-Identifier: GPL-2.0-or-later
// Per-CPU sums, slabs, arrays of struct pages, search.
#include <algorithm>

#include "bindings/convert.h"
#include "bulk/array_scan.h"
#include "bulk/freelist.h"
#include "bulk/indexed_slab.h"
#include "bulk/search.h"
#include "percpu/sums.h"

namespace pyk {
namespace {

using namespace pybind11::literals;

constexpr std::size_t kNoLimit = ~std::size_t{0};

// Runs `work(memory, bounds)` on the dump's own reader, without the GIL.
template <typename Work>
auto on_dump(const Dump& dump, Work work) {
    const py::gil_scoped_release no_gil;
    WalkBounds bounds(kNoLimit, ctrl_c());
    return dump.with_reader([&](const MemoryReader& memory) { return work(memory, bounds); });
}

std::vector<std::pair<std::int64_t, std::size_t>> sums(const Dump& dump, const py::object& pointers,
                                                       const std::vector<std::uint64_t>& offsets,
                                                       std::size_t size, bool is_signed) {
    const std::vector<KernelAddr> addrs = to_addrs(pointers);
    const auto found = on_dump(dump, [&](const MemoryReader& memory, WalkBounds&) {
        return sum_per_cpu(memory, addrs, offsets, size, is_signed);
    });
    std::vector<std::pair<std::int64_t, std::size_t>> result;
    result.reserve(found.size());
    for (const PerCpuSum& sum : found) result.emplace_back(sum.sum, sum.readable);
    return result;
}

// The same where each thread has a reader of its own.
template <typename Work>
auto on_readers(const Dump& dump, Work work) {
    const py::gil_scoped_release no_gil;
    WalkBounds bounds(kNoLimit, ctrl_c());
    return work([&dump] { return dump.new_reader(); }, bounds);
}

// A vector as a read-only array that Python owns: no value is turned into an object of its own.
struct Addresses {
    std::vector<KernelAddr> values;
};

py::buffer_info buffer_of(const Addresses& array) {
    return {const_cast<KernelAddr*>(array.values.data()),
            sizeof(KernelAddr),
            "Q",
            1,
            {static_cast<py::ssize_t>(array.values.size())},
            {static_cast<py::ssize_t>(sizeof(KernelAddr))},
            /*readonly=*/true};
}

py::memoryview to_view(std::vector<KernelAddr> values) {
    return py::memoryview(py::cast(Addresses{std::move(values)}));
}

using PyTest = std::tuple<std::uint64_t, std::uint32_t, std::uint64_t, std::uint64_t>;

py::tuple select(const Dump& dump, std::uint64_t base, std::uint64_t stride, std::uint64_t count,
                 const std::vector<PyTest>& rules) {
    std::vector<ArrayTest> tests;
    tests.reserve(rules.size());
    for (const auto& [offset, size, mask, value] : rules)
        tests.push_back({{offset, size}, mask, value});
    const StructArray array{{base}, stride, count};
    ArrayMatches found = on_readers(dump, [&](const NewReader& new_reader, WalkBounds& bounds) {
        return select_structs(new_reader, array, tests, bounds);
    });
    return py::make_tuple(to_view(std::move(found.structs)), found.unreadable,
                          found.is_interrupted);
}

py::tuple histogram(const Dump& dump, std::uint64_t base, std::uint64_t stride, std::uint64_t count,
                    std::uint64_t offset, std::uint32_t size, std::uint64_t mask) {
    const StructArray array{{base}, stride, count};
    const auto found = on_readers(dump, [&](const NewReader& new_reader, WalkBounds& bounds) {
        return count_values(new_reader, array, {offset, size}, mask, bounds);
    });
    return py::make_tuple(found.counts, found.unreadable, found.is_interrupted);
}

py::tuple to_python(SlabObjects found) {
    std::vector<std::pair<std::size_t, std::uint64_t>> broken;
    for (const BrokenFreelist& list : found.broken)
        broken.emplace_back(list.slab, list.where.value);
    return py::make_tuple(to_view(std::move(found.allocated)), to_view(std::move(found.free)),
                          broken, found.is_interrupted);
}

// Members of slabs, as columns of equal length.
template <typename... Columns>
void check_equal(std::size_t size, const Columns&... columns) {
    if (((columns.size() != size) || ...)) {
        throw py::value_error("columns of slabs differ in length");
    }
}

// A dump's own reader is at hand for few slabs; for many each thread has one.
constexpr std::size_t kFewSlabs = 512;

py::tuple objects_of(const Dump& dump, const py::object& bases, const py::object& counts,
                     const py::object& freelists,
                     const std::vector<std::pair<std::size_t, std::uint64_t>>& more_lists,
                     const py::object& kept, std::uint64_t size, std::uint64_t first,
                     std::uint64_t next, std::uint64_t secret, bool mixes_address,
                     bool mixes_swapped, std::uint64_t most) {
    const auto starts = to_addrs(bases), objects = to_addrs(counts), lists = to_addrs(freelists);
    check_equal(starts.size(), objects, lists);
    std::vector<Slab> slabs(starts.size());
    for (std::size_t i = 0; i < slabs.size(); ++i)
        slabs[i] = {starts[i], objects[i].value, lists[i]};
    for (const auto& [slab, list] : more_lists) slabs.at(slab).more_lists.push_back({list});
    const SlabShape shape{size, first, next, secret, mixes_address, mixes_swapped, most};
    std::vector<KernelAddr> also_free = to_addrs(kept);
    std::ranges::sort(also_free);
    const auto list = [&](const auto& memory, WalkBounds& bounds) {
        SlabObjects found = list_objects(memory, shape, slabs, bounds);
        make_free(found, also_free);
        return found;
    };
    if (slabs.size() < kFewSlabs) {
        return to_python(on_dump(dump, [&](const MemoryReader& memory, WalkBounds& bounds) {
            return list(memory, bounds);
        }));
    }
    return to_python(on_readers(dump, [&](const NewReader& new_reader, WalkBounds& bounds) {
        return list(new_reader, bounds);
    }));
}

py::tuple indexed_objects_of(const Dump& dump, const py::object& bases, const py::object& numbers,
                             const py::object& active, const py::object& kept, std::uint64_t size,
                             std::uint64_t offset, std::uint64_t objects,
                             std::uint64_t index_size) {
    const auto starts = to_addrs(bases), arrays = to_addrs(numbers), used = to_addrs(active);
    check_equal(starts.size(), arrays, used);
    std::vector<IndexedSlab> slabs(starts.size());
    for (std::size_t i = 0; i < slabs.size(); ++i) slabs[i] = {starts[i], arrays[i], used[i].value};
    std::vector<KernelAddr> free = to_addrs(kept);
    std::ranges::sort(free);
    const IndexedShape shape{size, offset, objects, index_size};
    return to_python(on_dump(dump, [&](const MemoryReader& memory, WalkBounds& bounds) {
        return list_indexed_objects(memory, shape, slabs, free, bounds);
    }));
}

py::tuple find(const Dump& dump, const SearchFor& wanted,
               const std::optional<std::vector<std::pair<std::uint64_t, std::uint64_t>>>& pages,
               std::size_t limit, const py::object& callable) {
    const Progress progress = to_progress(callable);
    PageMap only;
    if (pages) {
        for (const auto& [first, end] : *pages) only.add(first, end);
    }
    SearchResult found;
    {
        const py::gil_scoped_release no_gil;
        found = search(dump.shared_source(), wanted, pages ? &only : nullptr, limit, progress);
    }
    std::vector<KernelAddr> hits;
    for (const PhysAddr hit : found.hits) hits.push_back({hit.value});
    return py::make_tuple(to_view(std::move(hits)), found.pages, found.is_cut,
                          found.is_interrupted);
}

py::tuple find_numbers(
    const Dump& dump, std::uint64_t low, std::uint64_t high, std::uint32_t size, std::uint64_t mask,
    const std::optional<std::vector<std::pair<std::uint64_t, std::uint64_t>>>& pages,
    std::size_t limit, const py::object& progress) {
    return find(dump, {{}, size, low, high, mask}, pages, limit, progress);
}

py::tuple find_pattern(
    const Dump& dump, const py::bytes& pattern,
    const std::optional<std::vector<std::pair<std::uint64_t, std::uint64_t>>>& pages,
    std::size_t limit, const py::object& progress) {
    const ByteSpan bytes = from_bytes(pattern);
    if (bytes.empty()) throw py::value_error("an empty pattern is everywhere");
    SearchFor wanted;
    wanted.bytes.assign(bytes.begin(), bytes.end());
    return find(dump, wanted, pages, limit, progress);
}

}  // namespace

void bind_bulk(py::module_& m) {
    py::class_<Addresses>(m, "_Addresses", "Owner of an array.", py::buffer_protocol())
        .def_buffer(&buffer_of);
    m.def("sum_per_cpu", &sums, "dump"_a, "pointers"_a, "offsets"_a, py::kw_only(), "size"_a,
          "is_signed"_a);
    m.def("select_structs", &select, "dump"_a, "base"_a, "stride"_a, "count"_a, "tests"_a);
    m.def("count_values", &histogram, "dump"_a, "base"_a, "stride"_a, "count"_a, py::kw_only(),
          "offset"_a, "size"_a, "mask"_a);
    m.def("slab_objects", &objects_of, "dump"_a, "bases"_a, "objects"_a, "freelists"_a,
          "more_lists"_a, "kept"_a, py::kw_only(), "size"_a, "first"_a, "next"_a, "secret"_a,
          "mixes_address"_a, "mixes_swapped"_a, "most"_a);
    m.def("indexed_slab_objects", &indexed_objects_of, "dump"_a, "bases"_a, "numbers"_a, "active"_a,
          "kept"_a, py::kw_only(), "size"_a, "offset"_a, "objects"_a, "index_size"_a);
    m.def("find_numbers", &find_numbers, "dump"_a, "low"_a, "high"_a, py::kw_only(), "size"_a = 8,
          "mask"_a = ~0ULL, "pages"_a = py::none(), "limit"_a = 1'000'000,
          "progress"_a = py::none());
    m.def("find_pattern", &find_pattern, "dump"_a, "pattern"_a, py::kw_only(),
          "pages"_a = py::none(), "limit"_a = 1'000'000, "progress"_a = py::none());
}

}  // namespace pyk
