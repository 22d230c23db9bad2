// SPDX-License-Identifier: GPL-2.0-or-later
// Walks over lists, trees and hash tables. They touch no Python object, so they drop the GIL.
#include "bindings/convert.h"
#include "walk/chain.h"
#include "walk/hash_table.h"
#include "walk/list.h"
#include "walk/maple_tree.h"
#include "walk/rbtree.h"
#include "walk/xarray.h"

namespace pyk {
namespace {

using namespace pybind11::literals;
using NoGil = py::call_guard<py::gil_scoped_release>;

constexpr std::size_t kDefaultLimit = 1'000'000;

const char* end_name(WalkEnd end) {
    static constexpr const char* kNames[] = {"complete",   "limit",   "cycle",
                                             "unreadable", "damaged", "interrupted"};
    return kNames[static_cast<int>(end)];
}

// A list may have millions of nodes: each becomes a number once, with nothing in between.
py::list values(const std::vector<KernelAddr>& addrs) {
    py::list result(addrs.size());
    for (std::size_t i = 0; i < addrs.size(); ++i) {
        PyObject* const number = PyLong_FromUnsignedLongLong(addrs[i].value);
        if (number == nullptr) throw py::error_already_set();
        PyList_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), number);
    }
    return result;
}

py::list to_python(const std::vector<TreeEntry>& entries) {
    py::list rows(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
        rows[i] = py::make_tuple(entries[i].first, entries[i].last, entries[i].entry);
    }
    return rows;
}

py::list to_python(const std::vector<BrokenBuckets>& broken) {
    py::list rows(broken.size());
    for (std::size_t i = 0; i < broken.size(); ++i) {
        rows[i] = py::make_tuple(broken[i].first, broken[i].last, end_name(broken[i].end),
                                 broken[i].stopped_at.value);
    }
    return rows;
}

// A result class with how the walk ended.
template <typename Result, typename... Extra>
py::class_<Result> bind_result(py::module_& m, const char* name, const char* doc,
                               const Extra&... extra) {
    return py::class_<Result>(m, name, doc, extra...)
        .def_property_readonly("end", [](const Result& walk) { return end_name(walk.end); })
        .def_property_readonly("stopped_at",
                               [](const Result& walk) { return walk.stopped_at.value; });
}

// The nodes themselves, for Layout.read_columns() and memoryview().
template <typename Result>
py::buffer_info nodes_buffer(const Result& walk) {
    return {const_cast<KernelAddr*>(walk.nodes.data()),
            sizeof(KernelAddr),
            "Q",
            1,
            {static_cast<py::ssize_t>(walk.nodes.size())},
            {static_cast<py::ssize_t>(sizeof(KernelAddr))},
            /*readonly=*/true};
}

void bind_results(py::module_& m) {
    bind_result<WalkResult>(m, "Walk", "Nodes of a kernel structure and how the walk ended.",
                            py::buffer_protocol())
        .def_buffer(&nodes_buffer<WalkResult>)
        .def_property_readonly("nodes", [](const WalkResult& walk) { return values(walk.nodes); })
        .def_readonly("end_marker", &WalkResult::end_marker);
    bind_result<EntryWalk>(m, "EntryWalk", "Entries of a tree with indices.")
        .def_property_readonly("entries",
                               [](const EntryWalk& walk) { return to_python(walk.entries); });
    bind_result<HashWalk>(m, "HashWalk", "Nodes of a hash table.", py::buffer_protocol())
        .def_buffer(&nodes_buffer<HashWalk>)
        .def_property_readonly("nodes", [](const HashWalk& walk) { return values(walk.nodes); })
        .def_readonly("buckets", &HashWalk::buckets)
        .def_property_readonly("broken",
                               [](const HashWalk& walk) { return to_python(walk.broken); });
}

// Runs `walk(memory, bounds)` on the dump's own reader.
template <typename Walk>
auto walk_dump(const Dump& dump, std::size_t limit, Walk walk) {
    WalkBounds bounds(limit, ctrl_c());
    return dump.with_reader([&](const MemoryReader& memory) { return walk(memory, bounds); });
}

WalkResult list(const Dump& dump, PyAddr head, std::size_t limit) {
    return walk_dump(dump, limit, [&](const MemoryReader& memory, WalkBounds& bounds) {
        return walk_list(memory, {head.value}, bounds);
    });
}

std::vector<WalkResult> lists(const Dump& dump, const std::vector<PyAddr>& heads,
                              std::size_t limit) {
    return walk_dump(dump, limit, [&](const MemoryReader& memory, WalkBounds& bounds) {
        std::vector<WalkResult> walks;
        walks.reserve(heads.size());
        for (const PyAddr head : heads) walks.push_back(walk_list(memory, {head.value}, bounds));
        return walks;
    });
}

WalkResult chain(const Dump& dump, PyAddr head, std::uint64_t next_offset,
                 std::uint64_t head_tag_mask, std::uint64_t end_mask, std::uint64_t end_at,
                 std::size_t limit) {
    const ChainRules rules{next_offset, head_tag_mask, end_mask, {end_at}};
    return walk_dump(dump, limit, [&](const MemoryReader& memory, WalkBounds& bounds) {
        return walk_chain(memory, {head.value}, rules, bounds);
    });
}

WalkResult rbtree(const Dump& dump, PyAddr root, std::uint64_t parent, std::uint64_t left,
                  std::uint64_t right, std::size_t limit) {
    const RbOffsets offsets{parent, left, right};
    return walk_dump(dump, limit, [&](const MemoryReader& memory, WalkBounds& bounds) {
        return walk_rbtree(memory, {root.value}, offsets, bounds);
    });
}

EntryWalk xarray(const Dump& dump, PyAddr head, std::uint64_t shift, std::uint64_t slot,
                 std::uint64_t parent, std::uint64_t slots, std::uint64_t slot_count,
                 std::uint64_t node_tag, std::size_t limit) {
    const XaLayout layout{shift, slot, parent, slots, slot_count, node_tag};
    return walk_dump(dump, limit, [&](const MemoryReader& memory, WalkBounds& bounds) {
        return walk_xarray(memory, {head.value}, layout, bounds);
    });
}

using PyShape = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, bool>;

EntryWalk maple_tree(const Dump& dump, PyAddr root, const std::vector<PyShape>& shapes,
                     std::size_t limit) {
    MapleShapes by_type;
    for (const auto& [pivots, pivot_count, slots, slot_count, is_leaf] : shapes) {
        by_type.push_back({pivots, pivot_count, slots, slot_count, is_leaf});
    }
    return walk_dump(dump, limit, [&](const MemoryReader& memory, WalkBounds& bounds) {
        return walk_maple_tree(memory, {root.value}, by_type, bounds);
    });
}

HashWalk hash_table(const Dump& dump, PyAddr buckets, std::uint64_t count, std::uint64_t stride,
                    std::uint64_t head, std::uint64_t next_offset, std::uint64_t head_tag_mask,
                    std::uint64_t end_mask, std::size_t limit) {
    const HashTable table{
        {buckets.value}, count, stride, head, {next_offset, head_tag_mask, end_mask, {}}};
    WalkBounds bounds(limit, ctrl_c());
    return walk_hash_table([&dump] { return dump.new_reader(); }, table, bounds);
}

void bind_chains(py::module_& m) {
    m.def("walk_list", &list, "dump"_a, "head"_a, py::kw_only(), "limit"_a = kDefaultLimit,
          NoGil());
    m.def("walk_lists", &lists, "dump"_a, "heads"_a, py::kw_only(), "limit"_a = kDefaultLimit,
          NoGil());
    m.def("walk_chain", &chain, "dump"_a, "head"_a, py::kw_only(), "next_offset"_a = 0,
          "head_tag_mask"_a = 0, "end_mask"_a = 0, "end_at"_a = 0, "limit"_a = kDefaultLimit,
          NoGil());
    m.def("walk_hash_table", &hash_table, "dump"_a, "buckets"_a, "count"_a, py::kw_only(),
          "stride"_a = 8, "head"_a = 0, "next_offset"_a = 0, "head_tag_mask"_a = 0,
          "end_mask"_a = 0, "limit"_a = kDefaultLimit, NoGil());
}

}  // namespace

void bind_walk(py::module_& m) {
    bind_results(m);
    bind_chains(m);
    m.def("walk_rbtree", &rbtree, "dump"_a, "root"_a, py::kw_only(), "parent"_a, "left"_a,
          "right"_a, "limit"_a = kDefaultLimit, NoGil());
    m.def("walk_xarray", &xarray, "dump"_a, "head"_a, py::kw_only(), "shift"_a, "slot"_a,
          "parent"_a, "slots"_a, "slot_count"_a, "node_tag"_a = 2, "limit"_a = kDefaultLimit,
          NoGil());
    m.def("walk_maple_tree", &maple_tree, "dump"_a, "root"_a, "shapes"_a, py::kw_only(),
          "limit"_a = kDefaultLimit, NoGil());
}

}  // namespace pyk
