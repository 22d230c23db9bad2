// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/error.h"
#include "bindings/convert.h"
#include "orc/cfi.h"
#include "orc/stacks.h"
#include "symbols/symbol_table.h"

namespace pyk {
namespace {

using namespace pybind11::literals;

using PyBits = std::pair<unsigned, unsigned>;  // offset and width in bits

OrcFormat to_format(unsigned size, const std::map<std::string, PyBits>& members) {
    OrcFormat format;
    format.size = size;
    const auto set = [&](const char* name, BitField OrcFormat::*field) {
        const auto found = members.find(name);
        if (found == members.end()) return;
        const auto& [offset, width] = found->second;
        if (width == 0 || width > 16 || offset + width > size * 8 || size > 8) {
            throw Error(std::string("struct orc_entry.") + name + " has an impossible place");
        }
        format.*field = {offset, width};
    };
    set("sp_offset", &OrcFormat::sp_offset);
    set("bp_offset", &OrcFormat::bp_offset);
    set("sp_reg", &OrcFormat::sp_reg);
    set("bp_reg", &OrcFormat::bp_reg);
    set("type", &OrcFormat::type);
    set("signal", &OrcFormat::signal);
    set("end", &OrcFormat::end);
    return format;
}

using PySource = std::tuple<std::string, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                            std::uint64_t>;

struct PyUnwinder {
    OrcUnwinder unwinder;
    std::vector<std::string> problems;
};

PyUnwinder make_unwinder(const Dump& dump, unsigned size,
                         const std::map<std::string, PyBits>& members,
                         const std::vector<PySource>& sources, std::uint64_t fork_return) {
    const OrcFormat format = to_format(size, members);
    const py::gil_scoped_release no_gil;
    std::vector<std::string> problems;
    std::vector<OrcTable> tables;
    const auto memory = dump.new_reader();
    for (const auto& [name, ips, entries, count, text, text_end] : sources) {
        std::string problem;
        auto table = OrcTable::read(*memory, {name, {ips}, {entries}, count, {text}, {text_end}},
                                    format, problem);
        if (!problem.empty()) problems.push_back(problem + ": " + memory->why_unreadable({ips}));
        if (table) tables.push_back(std::move(*table));
    }
    return {OrcUnwinder(std::move(tables), {fork_return}), std::move(problems)};
}

const char* kind_name(FrameKind kind) {
    static constexpr const char* kNames[] = {"top", "call", "regs", "user"};
    return kNames[static_cast<int>(kind)];
}

py::tuple to_python(const StackFrame& frame, const SymbolTable& symbols, bool exact) {
    // A return address behind a call that never returns may belong to the next function.
    const auto found =
        frame.kind == FrameKind::kUser ? std::nullopt : symbols.at(exact ? frame.ip : frame.ip - 1);
    py::object name = py::none();
    std::uint64_t offset = 0;
    std::string_view module;
    if (found) {
        name = py::str(found->name.data(), found->name.size());
        offset = frame.ip.value - found->start.value;
        module = found->module;
    }
    return py::make_tuple(frame.ip.value, frame.sp.value, kind_name(frame.kind), frame.regs.value,
                          name, offset, module);
}

py::tuple to_python(const Stack& stack, const SymbolTable& symbols, bool running,
                    KernelAddr fork_return) {
    py::list frames;
    for (const StackFrame& frame : stack.frames) {
        const bool exact = frame.kind == FrameKind::kRegs || frame.ip == fork_return ||
                           (frame.kind == FrameKind::kTop && running);
        frames.append(to_python(frame, symbols, exact));
    }
    return py::make_tuple(std::move(frames), stack.end == StackEnd::kComplete, stack.reason);
}

py::list stacks(const PyUnwinder& self, const Dump& dump,
                const std::vector<std::pair<std::uint64_t, py::bytes>>& starts,
                const SymbolTable& symbols) {
    std::vector<StackStart> begin;
    for (const auto& [sp, note] : starts) {
        begin.push_back({dump.arch().registers_of_note(from_bytes(note)), {sp}});
    }
    std::vector<Stack> found;
    {
        const py::gil_scoped_release no_gil;
        found = unwind_all(
            self.unwinder, dump.arch(), [&] { return dump.new_reader(); }, begin);
    }
    py::list result;
    for (std::size_t i = 0; i < found.size(); ++i) {
        result.append(to_python(found[i], symbols, begin[i].registers.has_value(),
                                self.unwinder.fork_return()));
    }
    return result;
}

// The file for add-symbol-file of the kernel (name "") or a module.
py::bytes cfi_file(const PyUnwinder& self, const std::string& name, const SymbolTable& symbols,
                   const std::string& vmlinux, std::uint64_t offset) {
    std::vector<std::byte> file;
    {
        const py::gil_scoped_release no_gil;
        for (const OrcTable& table : self.unwinder.tables()) {
            if (table.name() != name) continue;
            file = name.empty() ? make_cfi_file(table, cfi_coverage(ElfFile(vmlinux), offset), {})
                                : make_cfi_file(table, {}, symbols.of_module(name));
        }
    }
    return to_bytes(file);
}

py::object symbol_at(const SymbolTable& table, std::uint64_t addr) {
    const auto found = table.at({addr});
    if (!found) return py::none();
    return py::make_tuple(found->name, addr - found->start.value, found->module);
}

}  // namespace

void bind_orc(py::module_& m) {
    py::class_<SymbolTable>(m, "SymbolTable", "Names of addresses in the kernel and its modules.")
        .def(py::init<>())
        .def(
            "add_vmlinux",
            [](SymbolTable& table, const std::string& path, std::uint64_t offset) {
                table.add_vmlinux(ElfFile(path), offset);
            },
            "path"_a, "offset"_a, py::call_guard<py::gil_scoped_release>())
        .def(
            "add_module",
            [](SymbolTable& table, const std::string& name, const py::bytes& symtab,
               const py::bytes& strings, std::uint64_t start, std::uint64_t end) {
                table.add_module(name, from_bytes(symtab), from_bytes(strings), {start}, {end});
            },
            "name"_a, "symtab"_a, "strings"_a, "start"_a, "end"_a)
        .def("sort", &SymbolTable::sort, py::call_guard<py::gil_scoped_release>())
        .def("at", &symbol_at, "addr"_a)
        .def(
            "find",
            [](const SymbolTable& table, const std::string& name) -> std::optional<std::uint64_t> {
                const auto found = table.find(name);
                if (!found) return std::nullopt;
                return found->value;
            },
            "name"_a)
        .def("__len__", &SymbolTable::size);
    py::class_<PyUnwinder>(m, "Unwinder", "Stacks by the ORC tables in the dump.")
        .def(py::init(&make_unwinder), "dump"_a, "entry_size"_a, "members"_a, "sources"_a,
             "fork_return"_a)
        .def_readonly("problems", &PyUnwinder::problems)
        .def("stacks", &stacks, "dump"_a, "starts"_a, "symbols"_a)
        .def("cfi_file", &cfi_file, "name"_a, "symbols"_a, "vmlinux"_a = "", "offset"_a = 0);
}

}  // namespace pyk
