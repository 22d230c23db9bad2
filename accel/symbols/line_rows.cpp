// SPDX-License-Identifier: GPL-2.0-or-later
#include "symbols/line_rows.h"

#include <algorithm>
#include <iterator>

namespace pyk {
namespace {

bool is_same(const char* one, const char* other) {
    return one == other || (one != nullptr && other != nullptr && std::string_view(one) == other);
}

// Chooses rows of a sequence.
class Choice {
 public:
    bool wants(const LineRow& row, unsigned discriminator) {
        has_discriminator_ = discriminator != 0 || (has_discriminator_ && row.line == line_before_);
        line_before_ = row.line;
        const bool was_statement = has_statement_ && row.addr == addr_;
        has_statement_ = was_statement || row.is_statement;
        addr_ = row.addr;
        const bool is_other_file = !is_same(row.file, file_);
        // Within a statement of another file, which inlined code returns to.
        if (row.line == 0 || (is_other_file && was_statement && !row.is_statement)) return false;
        const bool is_new = is_other_file || row.line != line_ || !has_discriminator_;
        file_ = row.file;
        line_ = row.line;
        return is_new;
    }

 private:
    Dwarf_Addr addr_ = 0;
    bool has_statement_ = false;  // a row of this address begins one
    int line_before_ = 0;
    bool has_discriminator_ = false;  // rows of this line told pieces of it apart
    const char* file_ = nullptr;      // of the last row but for those within statements
    int line_ = 0;
};

}  // namespace

LineRows::LineRows(Dwarf_Die unit) {
    Dwarf_Lines* lines = nullptr;
    std::size_t count = 0;
    if (dwarf_getsrclines(&unit, &lines, &count) != 0) return;
    Choice choice;
    for (std::size_t i = 0; i < count; ++i) {
        Dwarf_Line* const line = dwarf_onesrcline(lines, i);
        LineRow row;
        bool is_end = false;
        unsigned discriminator = 0;
        if (dwarf_lineaddr(line, &row.addr) != 0 || dwarf_lineendsequence(line, &is_end) != 0) {
            continue;
        }
        if (is_end) {
            rows_.push_back({row.addr});
            choice = {};
            continue;
        }
        dwarf_lineno(line, &row.line);
        dwarf_linebeginstatement(line, &row.is_statement);
        dwarf_linediscriminator(line, &discriminator);
        row.file = dwarf_linesrc(line, nullptr, nullptr);
        if (choice.wants(row, discriminator)) rows_.push_back(row);
    }
}

const LineRow* LineRows::at(Dwarf_Addr addr) const {
    const auto behind = std::ranges::upper_bound(rows_, addr, {}, &LineRow::addr);
    if (behind == rows_.begin()) return nullptr;
    const auto last = std::prev(behind);
    if (last->line <= 0 || last->file == nullptr) return nullptr;
    // Of several of an address it is the last statement that counts, if there is any.
    for (auto row = last; row->addr == last->addr && row->line > 0; --row) {
        if (row->is_statement) return &*row;
        if (row == rows_.begin()) break;
    }
    return &*last;
}

}  // namespace pyk
