// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/error.h"
#include "bindings/convert.h"
#include "layout/layout.h"

namespace pyk {
namespace {

using namespace pybind11::literals;

using PyField =
    std::tuple<std::string, std::vector<std::uint64_t>, std::uint64_t, std::uint32_t, std::string>;

Field to_field(const PyField& source) {
    const auto& [name, pointers, offset, size, kind] = source;
    if (kind.size() != 1 || std::string_view("usbc").find(kind[0]) == std::string_view::npos) {
        throw Error("field " + name + " has the unknown kind '" + kind + "'");
    }
    return {name, pointers, offset, size, static_cast<FieldKind>(kind[0])};
}

Layout make_layout(const std::vector<PyField>& source) {
    std::vector<Field> fields;
    fields.reserve(source.size());
    for (const PyField& field : source) fields.push_back(to_field(field));
    return Layout(std::move(fields));
}

py::object to_python(const Field& field, ByteSpan value) {
    switch (field.kind) {
        case FieldKind::kText:
            return to_bytes(as_bytes(c_text(value)));
        case FieldKind::kBytes:
            return to_bytes(value);
        default:
            break;
    }
    std::uint64_t number = 0;
    std::memcpy(&number, value.data(), value.size());
    if (field.kind == FieldKind::kUnsigned) return py::int_(number);
    const unsigned unused = 64 - 8 * static_cast<unsigned>(value.size());
    return py::int_(static_cast<std::int64_t>(number << unused) >> unused);
}

py::object record_of(const Layout& layout, const Columns& columns, std::size_t row) {
    if (!columns.readable[row]) return py::none();
    const auto& fields = layout.fields();
    py::tuple record(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const ByteSpan column(columns.columns[i]);
        record[i] = to_python(fields[i], column.subspan(row * fields[i].size, fields[i].size));
    }
    return record;
}

std::vector<KernelAddr> to_addrs(const std::vector<std::uint64_t>& values) {
    std::vector<KernelAddr> addrs;
    addrs.reserve(values.size());
    for (const std::uint64_t value : values) addrs.push_back({value});
    return addrs;
}

py::list read_many(const Layout& layout, const Dump& dump,
                   const std::vector<std::uint64_t>& structs) {
    const std::vector<KernelAddr> addrs = to_addrs(structs);
    Columns columns;
    {
        const py::gil_scoped_release no_gil;
        columns = dump.with_reader([&](auto& memory) { return layout.read_many(memory, addrs); });
    }
    py::list records(addrs.size());
    for (std::size_t row = 0; row < addrs.size(); ++row) {
        records[row] = record_of(layout, columns, row);
    }
    return records;
}

}  // namespace

void bind_walk(py::module_& m) {
    py::class_<Layout>(m, "Layout", "Fields of a struct, compiled for bulk reading.")
        .def(py::init(&make_layout), "fields"_a)
        .def("read_many", &read_many, "dump"_a, "addrs"_a);
}

}  // namespace pyk
