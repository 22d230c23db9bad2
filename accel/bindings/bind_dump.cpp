// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/error.h"
#include "bindings/convert.h"
#include "dump/elf_file.h"

namespace pyk {
namespace {

using namespace pybind11::literals;

constexpr std::uint64_t kMaxRead = 1ULL << 32;

// Reads `size` bytes by `read(out)`, which returns how many it got; `why(n)` names the reason and
// the place of the byte after n.
template <typename Read, typename Why>
std::vector<std::byte> read_all(std::uint64_t addr, std::uint64_t size, Read read, Why why) {
    if (size > kMaxRead) throw ReadError("cannot read " + std::to_string(size) + " bytes at once");
    std::vector<std::byte> out(size);
    const std::size_t got = read(std::span<std::byte>(out));
    if (got == size) return out;
    throw ReadError("cannot read " + std::to_string(size) + " bytes at " + hex(addr) +
                    (got == 0 ? "" : ", beyond " + hex(addr + got)) + ": " + why(got));
}

template <typename Read, typename Why>
py::bytes read_as_bytes(std::uint64_t addr, std::uint64_t size, Read read, Why why) {
    std::vector<std::byte> out;
    {
        const py::gil_scoped_release no_gil;
        out = read_all(addr, size, read, why);
    }
    return to_bytes(out);
}

py::bytes read_kernel(const Dump& dump, PyAddr at, std::uint64_t size) {
    const std::uint64_t addr = at.value;
    return read_as_bytes(
        addr, size,
        [&](auto out) {
            return dump.with_reader([&](auto& memory) { return memory.read_prefix({addr}, out); });
        },
        [&](std::size_t got) {
            return dump.with_reader(
                [&](auto& memory) { return memory.why_unreadable({addr + got}); });
        });
}

py::bytes read_physical(const Dump& dump, std::uint64_t addr, std::uint64_t size) {
    return read_as_bytes(
        addr, size,
        [&](auto out) {
            return dump.with_reader(
                [&](auto& memory) { return memory.physical().read_prefix({addr}, out); });
        },
        [&](std::size_t got) {
            return dump.with_reader(
                [&](auto& memory) { return memory.physical().why_unreadable({addr + got}); });
        });
}

py::bytes read_user(const Dump& dump, std::uint64_t pgd, PyAddr at, std::uint64_t size) {
    const std::uint64_t addr = at.value;
    return read_as_bytes(
        addr, size,
        [&](auto out) {
            return dump.with_reader(
                [&](auto& memory) { return memory.read_user_prefix({pgd}, {addr}, out); });
        },
        [&](std::size_t got) {
            return dump.with_reader(
                [&](auto& memory) { return memory.why_user_unreadable({pgd}, {addr + got}); });
        });
}

std::uint64_t translate(const Dump& dump, PyAddr at, std::uint64_t pgd) {
    const std::uint64_t addr = at.value;
    return dump.with_reader([&](const DumpReader& memory) {
        const Translation found =
            pgd == 0 ? memory.translate({addr}) : memory.translate_user({pgd}, {addr});
        if (const Mapping* mapping = std::get_if<Mapping>(&found)) return mapping->phys.value;
        throw ReadError(
            "cannot translate " + hex(addr) + ": " +
            (pgd == 0 ? memory.why_unreadable({addr}) : memory.why_user_unreadable({pgd}, {addr})));
    });
}

// Of many addresses at once; nothing where there is no page.
std::vector<std::optional<std::uint64_t>> translate_many(const Dump& dump,
                                                         const std::vector<KernelAddr>& addrs) {
    std::vector<std::optional<std::uint64_t>> found;
    found.reserve(addrs.size());
    dump.with_reader([&](const DumpReader& memory) {
        for (const KernelAddr addr : addrs) {
            const Translation at = memory.translate(addr);
            const Mapping* mapping = std::get_if<Mapping>(&at);
            found.push_back(mapping == nullptr ? std::nullopt : std::optional(mapping->phys.value));
        }
        return 0;
    });
    return found;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> ram_ranges(const Dump& dump) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (const auto& [first, end] : dump.source().pages.ram.ranges())
        ranges.emplace_back(first, end);
    return ranges;
}

py::list cpu_notes(const Dump& dump) {
    py::list notes;
    for (const auto& note : dump.cpu_notes()) notes.append(to_bytes(note));
    return notes;
}

std::map<std::string, std::uint64_t> stats(const Dump& dump) {
    const DumpSource& source = dump.source();
    const PageCache::Stats cache = source.cache.stats();
    const auto [hits, misses] = dump.with_reader([](auto& memory) { return memory.tlb_stats(); });
    return {{"page_hits", cache.hits},
            {"page_misses", cache.misses},
            {"pages_cached", cache.pages},
            {"cache_bytes", cache.bytes},
            {"cache_limit_bytes", cache.limit_bytes},
            {"tlb_hits", source.tlb_hits + hits},
            {"tlb_misses", source.tlb_misses + misses}};
}

void bind_elf(py::module_& m) {
    py::class_<ElfFile, std::shared_ptr<ElfFile>>(
        m, "ElfInfo", "What an ELF file (vmlinux, a module, debuginfo) says of itself.")
        .def_property_readonly("build_id", &ElfFile::build_id)
        .def_property_readonly("machine",
                               [](const ElfFile& elf) { return elf_machine_name(elf.machine()); })
        .def_property_readonly("has_debuginfo", &ElfFile::has_debuginfo)
        .def_property_readonly("percpu_is_zero_based", &ElfFile::percpu_is_zero_based)
        .def("symbols", &ElfFile::symbols, "names"_a)
        .def(
            "read",
            [](const ElfFile& elf, std::uint64_t addr, std::size_t size) {
                const auto bytes = elf.read(addr, size);
                if (bytes.size() == size) return to_bytes(bytes);
                throw Error(elf.path() + " does not hold " + std::to_string(size) + " bytes at " +
                            hex(addr));
            },
            "addr"_a, "size"_a);
    m.def(
        "read_elf", [](const std::string& path) { return ElfFile(path); }, "path"_a);
}

DumpPtr open_dump(const std::vector<std::string>& paths, py::object progress) {
    const Progress report = to_progress(std::move(progress));
    const py::gil_scoped_release no_gil;
    return Dump::open(paths, report);
}

void locate(Dump& dump, const std::string& vmlinux, py::object progress) {
    const Progress report = to_progress(std::move(progress));
    const py::gil_scoped_release no_gil;
    dump.locate(vmlinux, report);
}

// A property of DumpDescription.
template <typename Class, typename Member>
void describe(Class& cls, const char* name, Member member) {
    cls.def_property_readonly(
        name, [member](const Dump& dump) { return std::invoke(member, dump.description()); });
}

// A property of the place of the kernel, 0 or "" when it is not known.
template <typename Class, typename Get>
void place_property(Class& cls, const char* name, Get get) {
    cls.def_property_readonly(
        name, [get](const Dump& dump) { return get(dump.source().place.value_or(KernelPlace{})); });
}

std::optional<std::uint64_t> crash_time(const Dump& dump) {
    const std::string text = dump.vmcoreinfo().text("CRASHTIME");
    if (text.empty()) return std::nullopt;
    return std::strtoull(text.c_str(), nullptr, 10);
}

template <typename Class>
void bind_description(Class& cls) {
    describe(cls, "paths", &DumpDescription::paths);
    describe(cls, "format", &DumpDescription::format);
    describe(cls, "warnings", &DumpDescription::warnings);
    describe(cls, "size_bytes", &DumpDescription::size_bytes);
    describe(cls, "dump_level", &DumpDescription::dump_level);
    describe(cls, "truncated", &DumpDescription::truncated);
    describe(cls, "release", &DumpDescription::release);
    describe(cls, "vmcoreinfo_from", &DumpDescription::vmcoreinfo_from);
    place_property(cls, "kaslr_offset", [](const KernelPlace& p) { return p.kaslr_offset; });
    place_property(cls, "phys_base", [](const KernelPlace& p) { return p.phys_base; });
    place_property(cls, "levels", [](const KernelPlace& p) { return p.tables.levels; });
    place_property(cls, "located_by", [](const KernelPlace& p) { return p.found_by; });
    const auto pages = [&cls](const char* name, PageMap PageMaps::*map) {
        cls.def_property_readonly(
            name, [map](const Dump& dump) { return (dump.source().pages.*map).count(); });
    };
    pages("pages_total", &PageMaps::ram);
    pages("pages_present", &PageMaps::present);
    pages("pages_cut", &PageMaps::cut);
    cls.def_property_readonly("arch", [](const Dump& dump) { return dump.arch().name(); })
        .def_property_readonly("page_size",
                               [](const Dump& dump) { return dump.source().page_size; })
        .def_property_readonly("memory_bytes",
                               [](const Dump& dump) {
                                   return dump.source().pages.ram.count() * dump.source().page_size;
                               })
        .def_property_readonly("located",
                               [](const Dump& dump) { return dump.source().place.has_value(); })
        .def_property_readonly("vmcoreinfo",
                               [](const Dump& dump) { return dump.vmcoreinfo().lines(); })
        .def_property_readonly("build_id",
                               [](const Dump& dump) { return dump.vmcoreinfo().text("BUILD-ID"); })
        .def_property_readonly("crash_time", &crash_time);
}

}  // namespace

void bind_dump(py::module_& m) {
    bind_elf(m);
    py::class_<Dump, DumpPtr> cls(m, "Dump", "A vmcore, open for reading.");
    bind_description(cls);
    cls.def_static("open", &open_dump, "paths"_a, py::kw_only(), "progress"_a = py::none())
        .def("locate", &locate, "vmlinux"_a, py::kw_only(), "progress"_a = py::none())
        .def("close", &Dump::close, py::call_guard<py::gil_scoped_release>())
        .def("read", &read_kernel, "addr"_a, "size"_a)
        .def("read_physical", &read_physical, "addr"_a, "size"_a)
        .def("read_user", &read_user, "pgd"_a, "addr"_a, "size"_a)
        .def("translate", &translate, "addr"_a, "pgd"_a = 0,
             py::call_guard<py::gil_scoped_release>())
        .def(
            "translate_many",
            [](const Dump& dump, const py::object& addrs) {
                const std::vector<KernelAddr> at = to_addrs(addrs, 0);
                const py::gil_scoped_release no_gil;
                return translate_many(dump, at);
            },
            "addrs"_a)
        .def(
            "why_unreadable",
            [](const Dump& dump, PyAddr addr) {
                return dump.with_reader(
                    [&](auto& memory) { return memory.why_unreadable({addr.value}); });
            },
            "addr"_a, py::call_guard<py::gil_scoped_release>())
        .def("cpu_notes", &cpu_notes)
        .def("ram_ranges", &ram_ranges)
        .def("has_qemu_notes", &Dump::has_qemu_notes)
        .def("stats", &stats, py::call_guard<py::gil_scoped_release>())
        .def(
            "set_cache_limit",
            [](const Dump& dump, std::uint64_t size) { dump.source().cache.set_limit(size); },
            "size_bytes"_a);
}

}  // namespace pyk
