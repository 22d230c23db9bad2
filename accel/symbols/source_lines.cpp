// SPDX-License-Identifier: GPL-2.0-or-later
#include "symbols/source_lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "base/address.h"
#include "base/error.h"
#include "dump/unique_fd.h"
#include "symbols/line_rows.h"

namespace pyk {

namespace {

// Code, and the DIE of its unit or function.
struct Piece {
    AddrRange code;
    Dwarf_Off die;
};

std::uint64_t start_of(const Piece& piece) {
    return piece.code.start;
}

std::string text_of(Dwarf_Die* die, unsigned name) {
    Dwarf_Attribute attribute;
    const char* text = dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
    return text == nullptr ? "" : text;
}

// elfutils puts the folder in which the compiler ran before each relative name.
std::string told_name(std::string_view name, std::string_view folder) {
    if (!folder.empty() && name.size() > folder.size() + 1 && name.starts_with(folder) &&
        name[folder.size()] == '/') {
        name.remove_prefix(folder.size() + 1);
    }
    std::string told(name);
    // It also puts a slash behind one that ends the name of a folder.
    for (std::size_t at; (at = told.find("//")) != std::string::npos;) told.erase(at, 1);
    return told;
}

void add_pieces(Dwarf_Die* die, std::vector<Piece>& pieces) {
    Dwarf_Addr base = 0, start = 0, end = 0;
    for (std::ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &start, &end)) > 0;) {
        if (start < end) pieces.push_back({{start, end}, dwarf_dieoffset(die)});
    }
}

// Calls visit(child) for each; a child that does not lie behind the one before ends it.
template <typename Visit>
void for_each_child(Dwarf_Die* parent, Visit visit) {
    Dwarf_Die child;
    if (dwarf_child(parent, &child) != 0) return;
    for (;;) {
        if (!visit(&child)) return;
        const Dwarf_Off before = dwarf_dieoffset(&child);
        if (dwarf_siblingof(&child, &child) != 0 || dwarf_dieoffset(&child) <= before) return;
    }
}

// Looks for the functions that hold an address.
class FunctionSearch {
 public:
    explicit FunctionSearch(Dwarf_Addr addr) : addr_(addr) {}

    // Searches a function, block or inlined function; true when it or a block within holds the
    // address: one that lies outside the one around it counts, as with GDB.
    bool search(Dwarf_Die* die, int depth = 0) {
        const int tag = dwarf_tag(die);
        const bool is_function = tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
        if (!is_function && tag != DW_TAG_lexical_block) return false;
        if (depth == kDeepest || left_ == 0) return false;
        --left_;
        if (is_function) inwards.push_back(*die);
        bool is_found = false;
        for_each_child(die, [&](Dwarf_Die* child) {
            is_found = search(child, depth + 1);
            return !is_found && left_ > 0;
        });
        is_found = is_found || dwarf_haspc(die, addr_) > 0;
        if (is_function && !is_found) inwards.pop_back();
        return is_found;
    }

    std::vector<Dwarf_Die> inwards;

 private:
    static constexpr int kDeepest = 64;

    Dwarf_Addr addr_;
    std::size_t left_ = 1 << 20;  // blocks to look at: damage may make the same ones come again
};

// What a unit says of its code.
class Unit {
 public:
    explicit Unit(Dwarf_Die die) : die_(die), folder_(text_of(&die, DW_AT_comp_dir)), rows_(die) {
        if (dwarf_getsrcfiles(&die, &files_, nullptr) != 0) files_ = nullptr;
    }

    std::optional<SourcePlace> line_at(Dwarf_Addr addr) const {
        const LineRow* const row = rows_.at(addr);
        if (row == nullptr) return std::nullopt;
        return SourcePlace{told_name(row->file, folder_), row->line};
    }

    // Where an inlined function was called.
    std::optional<SourcePlace> call_of(Dwarf_Die* inlined) const {
        Dwarf_Word file = 0, line = 0;
        Dwarf_Attribute attribute;
        if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &file) != 0 ||
            dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) != 0) {
            return std::nullopt;
        }
        const char* const name =
            files_ == nullptr ? nullptr : dwarf_filesrc(files_, file, nullptr, nullptr);
        if (name == nullptr || line == 0 || line > INT32_MAX) return std::nullopt;
        return SourcePlace{told_name(name, folder_), static_cast<int>(line)};
    }

    const std::vector<Piece>& functions() {
        if (functions_.empty()) {
            for_each_child(&die_, [&](Dwarf_Die* child) {
                if (dwarf_tag(child) == DW_TAG_subprogram) add_pieces(child, functions_);
                return true;
            });
            std::ranges::stable_sort(functions_, {}, start_of);
        }
        return functions_;
    }

 private:
    Dwarf_Die die_;
    std::string folder_;
    LineRows rows_;
    Dwarf_Files* files_ = nullptr;
    std::vector<Piece> functions_;  // read when first asked
};

}  // namespace

class SourceLines::File {
 public:
    explicit File(const std::string& path)
        : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)),
          dwarf_(fd_ ? dwarf_begin(fd_.get(), DWARF_C_READ) : nullptr) {
        if (!fd_) throw Error("cannot open " + path + ": " + std::strerror(errno));
        if (dwarf_ == nullptr) throw Error(path + " has no source lines: " + dwarf_errmsg(-1));
        if (dwarf_getaranges(dwarf_, &aranges_, nullptr) != 0) aranges_ = nullptr;
    }
    ~File() { dwarf_end(dwarf_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    // The unit of an address; null when there is none that we know enough of.
    Unit* unit_of(Dwarf_Addr addr) {
        Dwarf_Die die;
        if (!find_unit(addr, &die)) return nullptr;
        // Its functions lie within namespaces.
        if (dwarf_srclang(&die) == DW_LANG_Rust) return nullptr;
        return &units_.try_emplace(dwarf_dieoffset(&die), die).first->second;
    }

    bool find_function(Unit& unit, Dwarf_Addr addr, Dwarf_Die* die) const {
        return find_die(unit.functions(), addr, die);
    }

 private:
    bool find_unit(Dwarf_Addr addr, Dwarf_Die* die) {
        Dwarf_Off unit = 0;
        Dwarf_Arange* const found =
            aranges_ == nullptr ? nullptr : dwarf_getarange_addr(aranges_, addr);
        if (dwarf_getarangeinfo(found, nullptr, nullptr, &unit) == 0) {
            return dwarf_offdie(dwarf_, unit, die) != nullptr;
        }
        // clang and rustc write no .debug_aranges; to ask all units takes longer.
        if (code_.empty()) {
            Dwarf_CU* next = nullptr;
            while (dwarf_get_units(dwarf_, next, &next, nullptr, nullptr, die, nullptr) == 0) {
                add_pieces(die, code_);
            }
            std::ranges::stable_sort(code_, {}, start_of);
        }
        return find_die(code_, addr, die);
    }

    bool find_die(const std::vector<Piece>& sorted, Dwarf_Addr addr, Dwarf_Die* die) const {
        const auto behind = std::ranges::upper_bound(sorted, addr, {}, start_of);
        if (behind == sorted.begin() || !std::prev(behind)->code.holds(addr)) return false;
        return dwarf_offdie(dwarf_, std::prev(behind)->die, die) != nullptr;
    }

    UniqueFd fd_;
    Dwarf* dwarf_;
    Dwarf_Aranges* aranges_ = nullptr;
    std::vector<Piece> code_;                    // of all units, if they were asked
    std::unordered_map<Dwarf_Off, Unit> units_;  // that were asked for, by their DIE
};

SourceLines::SourceLines(const std::string& path) : file_(std::make_unique<File>(path)) {}

SourceLines::~SourceLines() = default;

std::optional<SourcePlace> SourceLines::line_at(std::uint64_t addr) {
    const Unit* const unit = file_->unit_of(addr);
    return unit == nullptr ? std::nullopt : unit->line_at(addr);
}

std::vector<SourceFrame> SourceLines::frames_at(std::uint64_t addr) {
    Unit* const unit = file_->unit_of(addr);
    if (unit == nullptr) return {};
    Dwarf_Die function;
    FunctionSearch found(addr);
    if (file_->find_function(*unit, addr, &function)) found.search(&function);
    auto& inwards = found.inwards;
    std::vector<SourceFrame> frames;
    auto place = unit->line_at(addr);
    if (inwards.empty() && place) frames.push_back({"", *place});
    for (; !inwards.empty(); inwards.pop_back()) {
        if (place) frames.push_back({text_of(&inwards.back(), DW_AT_name), *place});
        place = unit->call_of(&inwards.back());
    }
    return frames;
}

}  // namespace pyk
