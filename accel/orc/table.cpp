// SPDX-License-Identifier: GPL-2.0-or-later
#include "orc/table.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

namespace pyk {
namespace {

constexpr std::uint64_t kMaxEntries = 1 << 24;

bool has_wide_type(OrcFormat format) {
    return format >= OrcFormat::kWideType;
}

// What follows the registers in byte 5.
struct Tail {
    OrcType type;
    bool signal, known;
};

Tail decode_tail(unsigned byte, OrcFormat format) {
    constexpr OrcType kOldTypes[] = {OrcType::kCall, OrcType::kRegs, OrcType::kRegsPartial,
                                     OrcType::kUndefined};
    constexpr OrcType kTypes[] = {OrcType::kUndefined, OrcType::kEndOfStack, OrcType::kCall,
                                  OrcType::kRegs, OrcType::kRegsPartial};
    if (has_wide_type(format)) {
        const unsigned type = byte & 7;
        if (type >= std::size(kTypes)) return {OrcType::kUndefined, false, false};
        return {kTypes[type], (byte & 8) != 0, byte < 16};
    }
    const bool has_signal = format == OrcFormat::kSignalAndEnd;
    const unsigned end = byte >> (has_signal ? 3 : 2);
    const OrcType type = end & 1 ? OrcType::kEndOfStack : kOldTypes[byte & 3];
    // Before `signal` was there, saved registers alone held the address of an instruction.
    const bool signal = has_signal ? (byte & 4) != 0 : (byte & 3) != 0;
    return {type, signal, end < 2 && (byte & 3) != 3};
}

using enum OrcReg;
constexpr OrcReg kOldRegs[] = {kUndefined, kPrevSp, kDx,  kDi,         kBp,
                               kSp,        kR10,    kR13, kBpIndirect, kSpIndirect};
constexpr OrcReg kRenumberedRegs[] = {kUndefined, kAx,  kDx,     kSp,         kBp,        kDi,
                                      kR10,       kR13, kPrevSp, kSpIndirect, kBpIndirect};

OrcReg to_reg(unsigned value, OrcFormat format) {
    const std::span<const OrcReg> regs = format == OrcFormat::kRenumbered
                                             ? std::span<const OrcReg>(kRenumberedRegs)
                                             : std::span<const OrcReg>(kOldRegs);
    return value < regs.size() ? regs[value] : kUndefined;
}

// Of the formats with a wide type, the one in which more entries are relative to SP.
OrcFormat wide_format(ByteSpan entries) {
    std::size_t old_sp = 0, new_sp = 0;
    for (std::size_t at = 4; at < entries.size(); at += kOrcEntrySize) {
        const unsigned reg = static_cast<unsigned>(entries[at]) & 15;
        old_sp += to_reg(reg, OrcFormat::kWideType) == kSp;
        new_sp += to_reg(reg, OrcFormat::kRenumbered) == kSp;
    }
    return new_sp > old_sp ? OrcFormat::kRenumbered : OrcFormat::kWideType;
}

bool is_ordinary(const OrcEntry& entry) {
    return entry.type == OrcType::kCall && (entry.sp_reg == kSp || entry.sp_reg == kBp);
}

bool are_sorted(const std::vector<std::uint64_t>& ips) {
    return std::ranges::is_sorted(ips);
}

template <typename T>
std::vector<T> reordered(const std::vector<T>& items, const std::vector<std::size_t>& order) {
    std::vector<T> result;
    result.reserve(items.size());
    for (const std::size_t index : order) result.push_back(items[index]);
    return result;
}

}  // namespace

std::optional<OrcFormat> detect_orc_format(ByteSpan entries) {
    std::array<std::size_t, 256> count{};
    const std::size_t total = entries.size() / kOrcEntrySize;
    for (std::size_t i = 0; i < total; ++i) {
        ++count[static_cast<unsigned>(entries[i * kOrcEntrySize + 5])];
    }
    // CALL is 0 in the old formats and 2 in the new one. Of the old ones the first never sets
    // bit 3.
    std::size_t with_bit_3 = 0;
    for (std::size_t byte = 8; byte < 16; ++byte) with_bit_3 += count[byte];
    const OrcFormat old = with_bit_3 != 0 ? OrcFormat::kSignalAndEnd : OrcFormat::kEndFlag;
    const OrcFormat format = count[2] > count[0] ? wide_format(entries) : old;

    std::size_t understood = 0, ordinary = 0;
    for (unsigned byte = 0; byte < count.size(); ++byte) {
        if (decode_tail(byte, format).known) understood += count[byte];
    }
    for (std::size_t i = 0; i < total; ++i) {
        const ByteSpan raw = entries.subspan(i * kOrcEntrySize, kOrcEntrySize);
        ordinary += is_ordinary(decode_orc(raw, format));
    }
    if (total == 0 || understood < total - total / 100 || ordinary < total / 2) return std::nullopt;
    return format;
}

OrcEntry decode_orc(ByteSpan raw, OrcFormat format) {
    const unsigned regs = static_cast<unsigned>(raw[4]);
    const Tail tail = decode_tail(static_cast<unsigned>(raw[5]), format);
    OrcEntry entry{*load<std::int16_t>(raw, 0),
                   *load<std::int16_t>(raw, 2),
                   to_reg(regs & 15, format),
                   to_reg(regs >> 4, format),
                   tail.type,
                   tail.signal};
    // The old formats mark code without a caller by a stack pointer from nowhere.
    if (!has_wide_type(format) && entry.type != OrcType::kEndOfStack &&
        entry.sp_reg == OrcReg::kUndefined) {
        entry.type = OrcType::kUndefined;
    }
    return entry;
}

std::optional<OrcTable> OrcTable::read(const MemoryReader& memory, const OrcSource& source,
                                       std::optional<OrcFormat> format, std::string& problem) {
    const std::string what = source.name.empty() ? "the kernel" : "module " + source.name;
    const std::uint64_t wanted = std::min(source.count, kMaxEntries);
    std::vector<std::byte> raw_ips(wanted * 4), raw_entries(wanted * kOrcEntrySize);
    const std::size_t got =
        std::min(memory.read_prefix(source.ips, raw_ips) / 4,
                 memory.read_prefix(source.entries, raw_entries) / kOrcEntrySize);
    if (got < source.count) {
        problem = "the ORC unwind table of " + what + " can be read only in part (" +
                  std::to_string(got) + " of " + std::to_string(source.count) + " entries)";
    }
    if (got == 0) return std::nullopt;
    if (!format) format = detect_orc_format(std::span(raw_entries).first(got * kOrcEntrySize));
    if (!format) {
        problem = "the ORC unwind table of " + what + " has a format that is not known";
        return std::nullopt;
    }

    OrcTable table;
    table.name_ = source.name;
    table.format_ = *format;
    table.text_ = source.text;
    table.text_end_ = source.text_end;
    table.ips_.reserve(got);
    table.entries_.reserve(got);
    for (std::size_t i = 0; i < got; ++i) {
        // Each address is stored relative to its own place.
        const auto relative = *load<std::int32_t>(raw_ips, i * 4);
        const std::uint64_t place = source.ips.value + i * 4;
        table.ips_.push_back(place + static_cast<std::uint64_t>(std::int64_t{relative}));
        table.entries_.push_back(
            decode_orc(ByteSpan(raw_entries).subspan(i * kOrcEntrySize, kOrcEntrySize), *format));
    }
    if (!are_sorted(table.ips_)) {
        std::vector<std::size_t> order(got);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::stable_sort(order, {}, [&](std::size_t i) { return table.ips_[i]; });
        table.ips_ = reordered(table.ips_, order);
        table.entries_ = reordered(table.entries_, order);
    }
    return table;
}

std::optional<OrcEntry> OrcTable::find(KernelAddr addr) const {
    if (!covers(addr)) return std::nullopt;
    const auto behind = std::ranges::upper_bound(ips_, addr.value);
    if (behind == ips_.begin()) return std::nullopt;
    return entries_[static_cast<std::size_t>(behind - ips_.begin()) - 1];
}

}  // namespace pyk
