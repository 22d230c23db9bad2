// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/error.h"
#include "bindings/object_memory.h"
#include "bindings/struct_object.h"
#include "bindings/text_object.h"
#include "walk/walk.h"

namespace pyk {
namespace {

using namespace pybind11::literals;
using Kind = ValueReader::Kind;
using ReaderPtr = std::shared_ptr<ValueReader>;

constexpr std::uint64_t kMaxValue = 64 << 20;  // bytes or elements of one value

const std::map<std::string, Kind> kKinds = {
    {"int", Kind::kInteger},           {"bool", Kind::kBool},
    {"pointer", Kind::kPointer},       {"struct", Kind::kStruct},
    {"struct*", Kind::kStructPointer}, {"text", Kind::kText},
    {"text*", Kind::kTextPointer},     {"array", Kind::kArray},
    {"place", Kind::kPlace},
};

void check(const ValueReader& reader) {
    const bool needs_bits = reader.kind <= Kind::kPointer;
    if (needs_bits && !reader.bits.is_valid()) throw Error("no integer has such a size");
    if (reader.kind == Kind::kArray && !reader.element) throw Error("an array has elements");
    const bool is_class = PyType_Check(reader.make.ptr()) &&
                          PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(reader.make.ptr()),
                                           reinterpret_cast<PyTypeObject*>(struct_object_type()));
    const bool needs_class = reader.kind == Kind::kStruct || reader.kind == Kind::kStructPointer;
    if (needs_class && !is_class) throw Error("a struct's reader needs its class");
    if (reader.count > kMaxValue ||
        (reader.stride != 0 && reader.count > kMaxValue / reader.stride)) {
        throw Error("a value of more than 64 MiB is not read at once");
    }
}

ReaderPtr make_reader(const std::string& kind, std::uint8_t size, bool is_signed,
                      std::pair<std::uint8_t, std::uint8_t> bits, std::uint64_t count,
                      std::uint64_t stride, py::object make, const ReaderPtr& element) {
    const auto found = kKinds.find(kind);
    if (found == kKinds.end()) throw Error("no value is of the kind '" + kind + "'");
    auto reader = std::make_shared<ValueReader>();
    reader->kind = found->second;
    reader->bits = {size, bits.first, bits.second, is_signed};
    reader->count = count;
    reader->stride = stride;
    reader->make = std::move(make);
    reader->makes_text = is_text_class(reader->make);
    reader->element = element;
    check(*reader);
    return reader;
}

// Addresses are ints of any size and sign; as in C, the lowest 64 bits count.
std::uint64_t to_address(const py::int_& addr) {
    return PyLong_AsUnsignedLongLongMask(addr.ptr());
}

py::object owned(PyObject* value) {
    if (value == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(value);
}

void check_class(const py::type& type) {
    if (PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type.ptr()),
                         reinterpret_cast<PyTypeObject*>(struct_object_type())) == 0) {
        throw py::type_error("a class of structs is needed");
    }
}

template <typename AddressOf>
py::list make_structs(const py::type& type, std::size_t count, AddressOf address_of) {
    check_class(type);
    py::list structs(count);
    for (std::size_t i = 0; i < count; ++i) {
        PyObject* made = make_struct(type.ptr(), address_of(i));
        if (made == nullptr) throw py::error_already_set();
        PyList_SET_ITEM(structs.ptr(), static_cast<Py_ssize_t>(i), made);
    }
    return structs;
}

py::list structs_of_walk(const py::type& type, const WalkResult& walk, std::uint64_t offset) {
    return make_structs(type, walk.nodes.size(),
                        [&](std::size_t i) { return walk.nodes[i].value - offset; });
}

py::list structs_in_array(const py::type& type, const py::int_& addr, std::uint64_t count,
                          std::uint64_t stride) {
    const std::uint64_t first = to_address(addr);
    if (count > kMaxValue) {
        throw ReadError("an array of " + std::to_string(count) + " structs at " + hex(first) +
                        " is not listed at once: more than 64 Mi");
    }
    return make_structs(type, count, [&](std::size_t i) { return first + i * stride; });
}

py::bytes read_memory(const py::int_& addr, std::uint64_t size) {
    ObjectMemory& memory = ObjectMemory::get();
    if (size > kMaxValue) throw ReadError("more than 64 MiB are not read at once");
    std::vector<std::byte> out(size);
    const std::uint64_t start = to_address(addr);
    const std::size_t got = memory.read_prefix(start, out);
    if (got == size) return to_bytes(out);
    throw ReadError("cannot read " + std::to_string(size) + " bytes at " + hex(start) + ": " +
                    memory.why_unreadable(start + got));
}

}  // namespace

void bind_objects(py::module_& m) {
    py::class_<ValueReader, ReaderPtr>(m, "Reader", "Reads values of one C type.")
        .def(py::init(&make_reader), "kind"_a, py::kw_only(), "size"_a = 0,
             py::arg("is_signed") = false, "bits"_a = std::pair<std::uint8_t, std::uint8_t>(),
             "count"_a = 0, "stride"_a = 0, "make"_a = py::none(), "element"_a = ReaderPtr())
        .def("__call__", [](const ValueReader& reader, const py::int_& addr) {
            return owned(reader.read(to_address(addr), {}));
        });
    py::class_<MemberReader>(m, "Member", "Where a member of a struct lies, and how it is read.")
        .def(py::init([](const ReaderPtr& reader, std::uint64_t offset,
                         const std::vector<std::uint64_t>& hops) {
                 return MemberReader{reader, offset, hops};
             }),
             "reader"_a, "offset"_a, "hops"_a = std::vector<std::uint64_t>())
        .def(
            "read",
            [](const MemberReader& member, const py::int_& addr, const py::object& type,
               const py::object& name) {
                const ReadLabel label{type.is_none() ? nullptr : type.ptr(), name.ptr()};
                return owned(member.read(to_address(addr), label));
            },
            "addr"_a, "type"_a = py::none(), "name"_a = "");
    m.attr("TextObject") = py::handle(text_object_type());
    m.attr("StructObject") = py::handle(struct_object_type());
    m.def("forget_members", &forget_members);
    m.def(
        "use_memory", [](const DumpPtr& dump) { ObjectMemory::get().use(dump); }, "dump"_a);
    m.def(
        "use_address_space", [](std::uint64_t pgd) { ObjectMemory::get().use_address_space(pgd); },
        "pgd"_a);
    m.def("read_memory", &read_memory, "addr"_a, "size"_a);
    m.def("structs_of_walk", &structs_of_walk, "type"_a, "walk"_a, "offset"_a);
    m.def("structs_in_array", &structs_in_array, "type"_a, "addr"_a, "count"_a, "stride"_a);
}

}  // namespace pyk
