// SPDX-License-Identifier: GPL-2.0-or-later
#include "bindings/convert.h"
#include "symbols/source_lines.h"

namespace pyk {
namespace {

using namespace pybind11::literals;

py::object line_at(SourceLines& self, PyAddr addr) {
    const auto place = self.line_at(addr.value);
    if (!place) return py::none();
    return py::make_tuple(place->file, place->line);
}

py::list frames_at(SourceLines& self, PyAddr addr) {
    py::list found;
    for (const SourceFrame& frame : self.frames_at(addr.value)) {
        found.append(py::make_tuple(frame.function, frame.place.file, frame.place.line));
    }
    return found;
}

}  // namespace

void bind_symbols(py::module_& m) {
    py::class_<SourceLines>(m, "SourceLines", "Where code comes from, by the DWARF of a file.")
        .def(py::init<const std::string&>(), "path"_a)
        .def("line_at", &line_at, "addr"_a)
        .def("frames_at", &frames_at, "addr"_a);
}

}  // namespace pyk
