// SPDX-License-Identifier: GPL-2.0-or-later
#include "bindings/convert.h"
#include "symbols/source_lines.h"
#include "symbols/symbol_list.h"

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

// Names of modules come from the dump.
py::str to_text(std::string_view text) {
    PyObject* made =
        PyUnicode_DecodeASCII(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
    if (made == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::str>(made);
}

py::tuple row(const SymbolList& self, std::size_t place) {
    if (place >= self.symbols().size()) throw py::index_error("no such symbol");
    const SymbolList::Symbol& symbol = self.symbols()[place];
    return py::make_tuple(symbol.addr, to_text({&symbol.letter, 1}), to_text(symbol.name),
                          self.module_of(symbol));
}

py::object only_function_at(const SymbolList& self, std::uint64_t addr) {
    const SymbolList::Symbol* const found = self.only_function_at(addr);
    if (found == nullptr) return py::none();
    return py::make_tuple(to_text(found->name), addr - found->addr);
}

template <typename Wanted>
std::vector<std::size_t> places(const SymbolList& self, Wanted wanted) {
    std::vector<std::size_t> found;
    for (std::size_t place = 0; place < self.symbols().size(); ++place) {
        if (wanted(self.symbols()[place].name)) found.push_back(place);
    }
    return found;
}

py::str lines(const SymbolList& self, const std::string& module) {
    std::string text;
    for (const SymbolList::Symbol& symbol : self.symbols()) {
        if (self.module_of(symbol) != module) continue;
        char start[24];
        std::snprintf(start, sizeof start, "%llx (%c) ",
                      static_cast<unsigned long long>(symbol.addr), symbol.letter);
        (text += text.empty() ? "" : "\n") += start;
        text += symbol.name;
    }
    return to_text(text);
}

void bind_list(py::module_& m) {
    py::class_<SymbolList>(m, "SymbolList", "All symbols of the kernel and its modules.")
        .def(py::init<>())
        .def(
            "add_vmlinux",
            [](SymbolList& self, std::shared_ptr<ElfFile> vmlinux, std::uint64_t offset) {
                self.add_vmlinux(std::move(vmlinux), offset);
            },
            "vmlinux"_a, "offset"_a)
        .def(
            "add_module",
            [](SymbolList& self, const std::string& name, const py::bytes& symtab,
               const py::bytes& strings, const py::bytes& letters,
               const std::vector<std::pair<std::uint64_t, std::uint64_t>>& own,
               std::pair<std::uint64_t, std::uint64_t> text) {
                std::vector<AddrRange> memory;
                memory.reserve(own.size());
                for (const auto& [start, end] : own) memory.push_back({start, end});
                self.add_module(name, from_bytes(symtab), from_bytes(strings), from_bytes(letters),
                                memory, {text.first, text.second});
            },
            "name"_a, "symtab"_a, "strings"_a, "letters"_a, "own"_a, "text"_a)
        .def("sort", &SymbolList::sort)
        .def("row", &row, "place"_a)
        .def("only_function_at", &only_function_at, "addr"_a)
        .def("count_up_to", &SymbolList::count_up_to, "addr"_a)
        .def(
            "named",
            [](const SymbolList& self, const std::string& name) {
                return places(self, [&](std::string_view its) { return its == name; });
            },
            "name"_a)
        .def(
            "containing",
            [](const SymbolList& self, const std::string& text) {
                return places(self, [&](std::string_view its) {
                    return its.find(text) != std::string_view::npos;
                });
            },
            "text"_a)
        .def("lines", &lines, "module"_a)
        .def("__len__", [](const SymbolList& self) { return self.symbols().size(); });
}

}  // namespace

void bind_symbols(py::module_& m) {
    bind_list(m);
    py::class_<SourceLines>(m, "SourceLines", "Where code comes from, by the DWARF of a file.")
        .def(py::init<const std::string&>(), "path"_a)
        .def("line_at", &line_at, "addr"_a)
        .def("frames_at", &frames_at, "addr"_a);
}

}  // namespace pyk
