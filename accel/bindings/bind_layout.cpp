// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "bindings/convert.h"
#include "layout/layout.h"
#include "layout/rows.h"

namespace pyk {
namespace {

using namespace pybind11::literals;

constexpr Py_ssize_t kMaxAddrs = 1 << 27;  // a GiB of addresses

using PyField =
    std::tuple<std::string, std::vector<std::uint64_t>, std::uint64_t, std::uint32_t, std::string>;

// "u", or for a bitfield "u:SHIFT:WIDTH".
void set_kind(Field& field, const std::string& kind) {
    const auto unknown = [&] {
        return Error("field " + field.name + " has the unknown kind '" + kind + "'");
    };
    if (kind.empty() || std::string_view("us?bcz").find(kind[0]) == std::string_view::npos) {
        throw unknown();
    }
    field.kind = static_cast<FieldKind>(kind[0]);
    if (kind.size() == 1) return;
    const char* const end = kind.data() + kind.size();
    const auto shift = std::from_chars(kind.data() + 2, end, field.shift);
    if (kind[1] != ':' || shift.ptr == end || *shift.ptr != ':') throw unknown();
    const auto width = std::from_chars(shift.ptr + 1, end, field.width);
    if (width.ptr != end || field.width == 0 || field.width > 64) throw unknown();
}

Layout make_layout(const std::vector<PyField>& source) {
    std::vector<Field> fields;
    fields.reserve(source.size());
    for (const auto& [name, pointers, offset, size, kind] : source) {
        fields.push_back({name, pointers, offset, size});
        set_kind(fields.back(), kind);
    }
    return Layout(std::move(fields));
}

// A new reference.
PyObject* new_value(const Field& field, ByteSpan value) {
    const std::string_view text = field.kind == FieldKind::kText ? c_text(value) : as_text(value);
    std::uint64_t number = 0;
    switch (field.kind) {
        case FieldKind::kText:
        case FieldKind::kBytes:
        case FieldKind::kString:
            return PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
        default:
            std::memcpy(&number, value.data(), value.size());
    }
    if (field.kind == FieldKind::kUnsigned) return PyLong_FromUnsignedLongLong(number);
    if (field.kind == FieldKind::kBool) return PyBool_FromLong(number != 0);
    const unsigned unused = 64 - 8 * static_cast<unsigned>(value.size());
    return PyLong_FromLongLong(static_cast<std::int64_t>(number << unused) >> unused);
}

// The values of a column one after the other.
class ColumnReader {
 public:
    ColumnReader(const Field& field, const Column& column)
        : field_(field), column_(column), fault_(column.faults.begin()) {}

    bool has_value(std::size_t row) {
        while (fault_ != column_.faults.end() && fault_->row < row) ++fault_;
        return fault_ == column_.faults.end() || fault_->row != row;
    }
    bool is_of_struct() const {
        return field_.pointers.empty() && field_.kind != FieldKind::kString;
    }
    // A new reference, to None where there is no value.
    PyObject* new_value(std::size_t row) {
        if (has_value(row)) return pyk::new_value(field_, column_.value(field_, row));
        Py_INCREF(Py_None);
        return Py_None;
    }

 private:
    const Field& field_;
    const Column& column_;
    std::vector<Fault>::const_iterator fault_;
};

// One field of many structs, as Python sees it.
struct PyColumn {
    std::shared_ptr<const Columns> columns;
    Field field;
    const Column* column;

    std::size_t rows() const { return columns->rows; }

    py::object item(py::ssize_t index) const {
        const auto row = static_cast<std::size_t>(index < 0 ? index + py::ssize_t(rows()) : index);
        if (row >= rows()) throw py::index_error("there is no such row");
        if (column->fault(row) != nullptr) return py::none();
        return py::reinterpret_steal<py::object>(new_value(field, column->value(field, row)));
    }
    py::list items(const py::slice& range) const {
        std::size_t row = 0, stop = 0, step = 0, count = 0;
        if (!range.compute(rows(), &row, &stop, &step, &count)) throw py::error_already_set();
        py::list values(count);
        for (std::size_t i = 0; i < count; ++i, row += step) {
            values[i] = item(static_cast<py::ssize_t>(row));
        }
        return values;
    }
    py::list to_list() const {
        ColumnReader reader(field, *column);
        py::list values(rows());
        for (std::size_t row = 0; row < rows(); ++row) {
            PyList_SET_ITEM(values.ptr(), static_cast<Py_ssize_t>(row), reader.new_value(row));
        }
        return values;
    }
    std::vector<std::pair<std::size_t, std::uint64_t>> faults() const {
        std::vector<std::pair<std::size_t, std::uint64_t>> found;
        for (const Fault& fault : column->faults) found.emplace_back(fault.row, fault.addr.value);
        return found;
    }
    py::buffer_info buffer() const {
        if (field.kind == FieldKind::kString) throw py::buffer_error("text of many sizes");
        return {const_cast<std::byte*>(column->bytes.data()),
                field.size,
                format(),
                1,
                {static_cast<py::ssize_t>(rows())},
                {static_cast<py::ssize_t>(field.size)},
                /*readonly=*/true};
    }
    std::string format() const {
        static constexpr std::string_view kUnsigned = "0BH0I000Q", kSigned = "0bh0i000q";
        switch (field.kind) {
            case FieldKind::kUnsigned:
                return std::string(1, kUnsigned[field.size]);
            case FieldKind::kSigned:
                return std::string(1, kSigned[field.size]);
            case FieldKind::kBool:
                return "?";
            default:
                return std::to_string(field.size) + "s";
        }
    }
};

Columns read(const Layout& layout, const Dump& dump, const std::vector<KernelAddr>& addrs) {
    const py::gil_scoped_release no_gil;
    const auto interrupted = ctrl_c();
    return dump.with_reader(
        [&](auto& memory) { return layout.read_many(memory, std::span(addrs), interrupted); });
}

std::vector<PyColumn> read_columns(const Layout& layout, const Dump& dump,
                                   const py::object& structs, std::uint64_t less) {
    const std::vector<KernelAddr> addrs = to_addrs(structs, less);
    auto columns = std::make_shared<const Columns>(read(layout, dump, addrs));
    std::vector<PyColumn> result;
    for (std::size_t i = 0; i < columns->columns.size(); ++i) {
        result.push_back({columns, layout.fields()[i], &columns->columns[i]});
    }
    return result;
}

// A tuple of all columns' values; None for a struct that cannot be read.
PyObject* new_record(std::vector<ColumnReader>& readers, std::size_t row, PyTypeObject* type) {
    bool has_any = readers.empty();
    for (ColumnReader& reader : readers) {
        const bool has_value = reader.has_value(row);
        has_any |= has_value;
        if (!has_value && reader.is_of_struct()) {
            Py_INCREF(Py_None);
            return Py_None;
        }
    }
    if (!has_any) {
        Py_INCREF(Py_None);
        return Py_None;
    }
    const auto size = static_cast<Py_ssize_t>(readers.size());
    PyObject* record = type == &PyTuple_Type ? PyTuple_New(size) : type->tp_alloc(type, size);
    if (record == nullptr) throw py::error_already_set();
    // It holds numbers and bytes, which lead nowhere: the collector of garbage, which would look
    // through all records again and again while they are made, need not know it.
    if (PyObject_GC_IsTracked(record) != 0) PyObject_GC_UnTrack(record);
    for (std::size_t i = 0; i < readers.size(); ++i) {
        PyTuple_SET_ITEM(record, static_cast<Py_ssize_t>(i), readers[i].new_value(row));
    }
    return record;
}

py::list read_many(const Layout& layout, const Dump& dump, const py::object& structs,
                   const py::object& row_type, std::uint64_t less) {
    const std::vector<KernelAddr> addrs = to_addrs(structs, less);
    const Columns columns = read(layout, dump, addrs);
    PyTypeObject* type = &PyTuple_Type;
    if (!row_type.is_none()) {
        if (!PyType_Check(row_type.ptr()) ||
            !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(row_type.ptr()), &PyTuple_Type)) {
            throw py::type_error("a row's type must be a tuple");
        }
        type = reinterpret_cast<PyTypeObject*>(row_type.ptr());
    }
    std::vector<ColumnReader> readers;
    for (std::size_t i = 0; i < columns.columns.size(); ++i) {
        readers.emplace_back(layout.fields()[i], columns.columns[i]);
    }
    py::list records(addrs.size());
    for (std::size_t row = 0; row < addrs.size(); ++row) {
        PyList_SET_ITEM(records.ptr(), static_cast<Py_ssize_t>(row),
                        new_record(readers, row, type));
    }
    return records;
}

using PyCells = std::tuple<py::buffer, std::string, std::size_t,
                           std::unordered_map<std::uint64_t, std::string>>;

std::string rows_of(const std::vector<PyCells>& source) {
    std::vector<py::buffer_info> buffers;  // hold the values
    std::vector<CellColumn> columns;
    for (const auto& [values, kind, width, names] : source) {
        const py::buffer_info& info = buffers.emplace_back(values.request());
        const auto size = static_cast<std::size_t>(info.itemsize);
        if (info.ndim != 1 || info.strides[0] != info.itemsize || size == 0 || size > 8 ||
            std::string_view("xds").find(kind) == std::string_view::npos || kind.size() != 1) {
            throw py::type_error("a column must be an array of numbers, shown as x, d or s");
        }
        const bool is_signed =
            std::string_view("bhilq").find(info.format) != std::string_view::npos;
        columns.push_back(
            {{static_cast<const std::byte*>(info.ptr), size * static_cast<std::size_t>(info.size)},
             size,
             is_signed,
             static_cast<CellKind>(kind[0]),
             width,
             names});
    }
    const py::gil_scoped_release no_gil;
    return format_rows(columns);
}

}  // namespace

std::vector<KernelAddr> to_addrs(const py::object& source, std::uint64_t less) {
    std::vector<KernelAddr> addrs;
    if (PyObject_CheckBuffer(source.ptr()) != 0) {
        const py::buffer_info info = py::reinterpret_borrow<py::buffer>(source).request();
        if (info.itemsize != 8 || info.ndim != 1 || info.strides[0] != 8) {
            throw py::type_error("addresses must be an array of 64-bit numbers");
        }
        const auto* first = static_cast<const std::uint64_t*>(info.ptr);
        addrs.reserve(static_cast<std::size_t>(info.size));
        for (py::ssize_t i = 0; i < info.size; ++i) addrs.push_back({first[i] - less});
        return addrs;
    }
    const Py_ssize_t size = PyObject_Size(source.ptr());
    if (size < 0 && PyErr_ExceptionMatches(PyExc_OverflowError) == 0) throw py::error_already_set();
    if (size < 0 || size > kMaxAddrs) {
        PyErr_Clear();
        throw Error("more than " + std::to_string(kMaxAddrs) + " structs are not read at once");
    }
    addrs.reserve(static_cast<std::size_t>(size));
    const auto take = [&](PyObject* item) {
        const std::uint64_t at = PyLong_AsUnsignedLongLongMask(item);
        if (at == ~0ULL && PyErr_Occurred() != nullptr) throw py::error_already_set();
        addrs.push_back({at - less});
    };
    // Lists of millions of numbers are common: nothing is made for each.
    if (PyList_CheckExact(source.ptr()) != 0) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(source.ptr()); ++i) {
            const auto item = py::reinterpret_borrow<py::object>(PyList_GET_ITEM(source.ptr(), i));
            take(item.ptr());
        }
    } else {
        for (const py::handle item : source) take(item.ptr());
    }
    return addrs;
}

void bind_layout(py::module_& m) {
    m.def("format_rows", &rows_of, "columns"_a);
    py::class_<PyColumn>(m, "Column", "One field of many structs.", py::buffer_protocol())
        .def("__len__", &PyColumn::rows)
        .def("__getitem__", &PyColumn::item, "row"_a)
        .def("__getitem__", &PyColumn::items, "rows"_a)
        .def("tolist", &PyColumn::to_list)
        .def_property_readonly("faults", &PyColumn::faults)
        .def_buffer(&PyColumn::buffer);
    py::class_<Layout>(m, "Layout", "Fields of a struct, compiled for bulk reading.")
        .def(py::init(&make_layout), "fields"_a)
        .def("read_many", &read_many, "dump"_a, "addrs"_a, "row_type"_a = py::none(), py::kw_only(),
             "less"_a = 0)
        .def("read_columns", &read_columns, "dump"_a, "addrs"_a, py::kw_only(), "less"_a = 0);
}

}  // namespace pyk
