// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/error.h"
#include "bindings/convert.h"
#include "dump/uncached_reader.h"
#include "orc/cfi.h"
#include "orc/fill.h"
#include "orc/shapes.h"
#include "orc/stacks.h"
#include "orc/words.h"
#include "symbols/symbol_table.h"

namespace pyk {
namespace {

using namespace pybind11::literals;

constexpr std::size_t kKeptStacks = 256;  // more of them are not worth pages of the cache

// Reads a table from the dump; returns what is wrong with it, "" when nothing is.
std::string add_table(OrcUnwinder& unwinder, const Dump& dump, const std::string& name,
                      std::uint64_t ips, std::uint64_t entries, std::uint64_t count,
                      std::uint64_t text, std::uint64_t text_end) {
    const OrcTable* kernel = unwinder.table_named("");
    const auto format = kernel == nullptr ? std::nullopt : std::optional(kernel->format());
    std::string problem;
    auto table = dump.with_reader([&](auto& reader) {
        const UncachedReader memory(reader);  // nobody reads the table again
        return OrcTable::read(memory, {name, {ips}, {entries}, count, {text}, {text_end}}, format,
                              problem);
    });
    if (table) unwinder.add(std::move(*table));
    return problem;
}

const char* kind_name(FrameKind kind) {
    static constexpr const char* kNames[] = {"top", "call", "regs", "user"};
    return kNames[static_cast<int>(kind)];
}

py::tuple to_python(const StackFrame& frame, const SymbolTable& symbols) {
    // A return address behind a call that never returns may belong to the next function.
    const auto found = frame.kind == FrameKind::kUser
                           ? std::nullopt
                           : symbols.at(frame.is_exact ? frame.ip : frame.ip - 1);
    py::object name = py::none();
    std::uint64_t offset = 0, size = 0;
    std::string_view module;
    if (found) {
        name = py::str(found->name.data(), found->name.size());
        offset = frame.ip.value - found->start.value;
        module = found->module;
        size = found->size;
    }
    return py::make_tuple(frame.ip.value, frame.sp.value, kind_name(frame.kind), frame.regs.value,
                          name, offset, module, size, frame.regs_are_whole, frame.is_reliable,
                          frame.is_exact);
}

py::tuple to_python(const Stack& stack, const SymbolTable& symbols) {
    py::list frames;
    for (const StackFrame& frame : stack.frames) frames.append(to_python(frame, symbols));
    return py::make_tuple(std::move(frames), stack.end == StackEnd::kComplete, stack.reason);
}

using PyStarts = std::vector<std::pair<std::uint64_t, py::bytes>>;

std::vector<Stack> unwind(const OrcUnwinder& self, const Dump& dump, const PyStarts& starts) {
    std::vector<StackStart> begin;
    begin.reserve(starts.size());
    for (const auto& [sp, note] : starts) {
        begin.push_back({dump.arch().registers_of_note(from_bytes(note)), {sp}});
    }
    const py::gil_scoped_release no_gil;
    const bool are_many = begin.size() > kKeptStacks;
    return unwind_all(
        self, dump.arch(), [&] { return are_many ? dump.new_passing_reader() : dump.new_reader(); },
        begin);
}

py::list stacks(const OrcUnwinder& self, const Dump& dump, const PyStarts& starts,
                const SymbolTable& symbols) {
    py::list result;
    for (const Stack& stack : unwind(self, dump, starts)) result.append(to_python(stack, symbols));
    return result;
}

py::tuple stacks_by_shape(const OrcUnwinder& self, const Dump& dump, const PyStarts& starts,
                          const SymbolTable& symbols) {
    const std::vector<Stack> found = unwind(self, dump, starts);
    const StackShapes shapes = shapes_of(found);
    py::list first, places;
    for (const std::size_t index : shapes.first) first.append(to_python(found[index], symbols));
    for (std::size_t i = 0; i < found.size(); ++i) {
        py::list sps;
        for (const StackFrame& frame : found[i].frames) sps.append(frame.sp.value);
        const auto& frames = found[i].frames;
        const std::uint64_t regs = frames.empty() ? 0 : frames.back().regs.value;
        places.append(py::make_tuple(shapes.of_stack[i], std::move(sps), regs));
    }
    return py::make_tuple(std::move(first), std::move(places));
}

using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

std::vector<AddrRange> to_ranges(const Ranges& pairs) {
    std::vector<AddrRange> ranges;
    for (const auto& [start, end] : pairs) ranges.push_back({start, end});
    return ranges;
}

using CacheNames = std::unordered_map<std::uint64_t, std::string>;

WordNames word_names(const SymbolTable* symbols, const CacheNames& caches, bool with_address) {
    WordNames names{symbols, {}, with_address};
    for (const auto& [page, name] : caches) names.caches.emplace(page >> kWordPageShift, name);
    return names;
}

std::pair<std::vector<std::optional<std::string>>, bool> words(const Dump& dump,
                                                               const Ranges& ranges,
                                                               const SymbolTable* symbols,
                                                               const CacheNames& caches,
                                                               bool with_address) {
    const std::vector<AddrRange> of = to_ranges(ranges);
    const WordNames names = word_names(symbols, caches, with_address);
    WalkBounds bounds(of.size(), ctrl_c());
    auto texts = words_texts([&] { return dump.new_reader(); }, of, names, bounds);
    return {std::move(texts), bounds.is_interrupted_now()};
}

// Python's texts stay where they are as long as the row itself does.
TextRow to_row(const py::tuple& row, const std::vector<TextTemplate>& templates) {
    TextRow made;
    if (row.empty()) return made;
    made.text = &templates.at(row[0].cast<std::size_t>());
    for (std::size_t i = 1; i < row.size(); ++i) {
        const py::handle value = row[i];
        if (PyUnicode_Check(value.ptr())) {
            made.texts.push_back(value.cast<std::string_view>());
        } else {
            made.numbers.push_back(value.cast<std::uint64_t>());
        }
    }
    return made;
}

py::tuple fill(const Dump& dump, const std::vector<std::string>& templates,
               const std::vector<py::tuple>& rows, const SymbolTable* symbols,
               const CacheNames& caches, bool with_address, const Ranges& code,
               const std::string& offsets) {
    const std::vector<TextTemplate> known(templates.begin(), templates.end());
    std::vector<TextRow> made;
    made.reserve(rows.size());
    for (const py::tuple& row : rows) made.push_back(to_row(row, known));
    WordNames names = word_names(symbols, caches, with_address);
    names.code = to_ranges(code);
    names.offsets = offsets.empty() ? '\0' : offsets.front();
    WalkBounds bounds(made.size(), ctrl_c());
    std::vector<FilledText> found;
    bool is_interrupted = false;
    {
        const py::gil_scoped_release no_gil;
        found = fill_texts([&] { return dump.new_passing_reader(); }, made, names, bounds);
        is_interrupted = bounds.is_interrupted_now();
    }
    py::list texts;
    for (FilledText& each : found) {
        texts.append(py::make_tuple(each.last_row, each.text));
        each.text.reset();  // there may be very much of it
    }
    return py::make_tuple(std::move(texts), is_interrupted);
}

std::pair<std::vector<std::uint64_t>, bool> word_pages(const Dump& dump, const Ranges& ranges) {
    const std::vector<AddrRange> of = to_ranges(ranges);
    WalkBounds bounds(of.size(), ctrl_c());
    auto pages = pages_of_words([&] { return dump.new_passing_reader(); }, of, bounds);
    return {std::move(pages), bounds.is_interrupted_now()};
}

// The file for add-symbol-file of the kernel (name "") or a module.
py::bytes cfi_file(const OrcUnwinder& self, const std::string& name, const SymbolTable* symbols,
                   const Ranges& memory, const std::string& vmlinux, std::uint64_t offset) {
    std::vector<std::byte> file;
    {
        const py::gil_scoped_release no_gil;
        const OrcTable* table = self.table_named(name);
        if (table == nullptr && symbols == nullptr)
            throw Error("no unwind table of " + (name.empty() ? "the kernel" : name));
        const auto covered =
            vmlinux.empty() ? std::vector<AddrRange>{} : cfi_coverage(ElfFile(vmlinux), offset);
        NamedMemory named;
        if (symbols != nullptr) {
            named.memory = to_ranges(memory);
            named.symbols = symbols->within(named.memory);
        }
        file = make_cfi_file(table, covered, named);
    }
    return to_bytes(file);
}

// Whether code at `addr` runs with saved registers (struct pt_regs) as its frame, and where those
// begin above the stack pointer; nothing when it does not.
std::optional<std::int64_t> saved_registers_at(const OrcUnwinder& self, std::uint64_t addr) {
    const OrcTable* table = self.table_of({addr});
    const auto entry = table == nullptr ? std::nullopt : table->find({addr});
    if (!entry || entry->sp_reg != OrcReg::kSp) return std::nullopt;
    if (entry->type == OrcType::kRegs) return entry->sp_offset;
    // The processor's part of struct pt_regs, which is 16 words into it.
    if (entry->type == OrcType::kRegsPartial) return entry->sp_offset - 16 * 8;
    return std::nullopt;
}

py::object symbol_at(const SymbolTable& table, std::uint64_t addr) {
    const auto found = table.at({addr});
    if (!found) return py::none();
    return py::make_tuple(found->name, addr - found->start.value, found->module);
}

}  // namespace

void bind_orc(py::module_& m) {
    m.def("words_texts", &words, "dump"_a, "ranges"_a, "symbols"_a = py::none(),
          "caches"_a = CacheNames{}, py::arg("with_address") = false,
          py::call_guard<py::gil_scoped_release>());
    m.def("fill_texts", &fill, "dump"_a, "templates"_a, "rows"_a, "symbols"_a = py::none(),
          "caches"_a = CacheNames{}, py::arg("with_address") = false, "code"_a = Ranges{},
          "offsets"_a = "");
    m.def("word_pages", &word_pages, "dump"_a, "ranges"_a,
          py::call_guard<py::gil_scoped_release>());
    py::class_<SymbolTable>(m, "SymbolTable", "Names of addresses in the kernel and its modules.")
        .def(py::init<>())
        .def(
            "add_vmlinux",
            [](SymbolTable& table, std::shared_ptr<ElfFile> vmlinux, std::uint64_t offset) {
                table.add_vmlinux(std::move(vmlinux), offset);
            },
            "vmlinux"_a, "offset"_a)
        .def(
            "add_module",
            [](SymbolTable& table, const std::string& name, const py::bytes& symtab,
               const py::bytes& strings, const Ranges& own) {
                table.add_module(name, from_bytes(symtab), from_bytes(strings), to_ranges(own));
            },
            "name"_a, "symtab"_a, "strings"_a, "own"_a)
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
        .def(
            "find_all",
            [](const SymbolTable& table, const std::string& name) {
                std::vector<std::uint64_t> found;
                for (const KernelAddr addr : table.find_all(name)) found.push_back(addr.value);
                return found;
            },
            "name"_a)
        .def(
            "of_module",
            [](const SymbolTable& table, const std::string& module) {
                std::vector<std::pair<std::string_view, std::uint64_t>> named;
                for (const auto& [name, addr] : table.of_module(module)) {
                    named.emplace_back(name, addr.value);
                }
                return named;
            },
            "module"_a)
        .def("__len__", &SymbolTable::size);
    py::class_<OrcUnwinder>(m, "Unwinder", "Stacks by the ORC tables in the dump.")
        .def(py::init([](std::uint64_t fork_return) { return OrcUnwinder({fork_return}); }),
             "fork_return"_a)
        .def("add", &add_table, "dump"_a, "name"_a, "ips"_a, "entries"_a, "count"_a, "text"_a,
             "text_end"_a, py::call_guard<py::gil_scoped_release>())
        .def("saved_registers_at", &saved_registers_at, "addr"_a)
        .def("stacks", &stacks, "dump"_a, "starts"_a, "symbols"_a)
        .def("stacks_by_shape", &stacks_by_shape, "dump"_a, "starts"_a, "symbols"_a)
        .def("cfi_file", &cfi_file, "name"_a, "symbols"_a = py::none(), "memory"_a = Ranges{},
             "vmlinux"_a = "", "offset"_a = 0);
}

}  // namespace pyk
