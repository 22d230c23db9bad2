// SPDX-License-Identifier: GPL-2.0-or-later
#include "orc/table.h"

#include <algorithm>
#include <numeric>

namespace pyk {
namespace {

constexpr std::uint64_t kMaxEntries = 1 << 24;

std::uint64_t bits(ByteSpan entry, const BitField& field) {
    std::uint64_t raw = 0;
    std::memcpy(&raw, entry.data(), std::min<std::size_t>(8, entry.size()));
    return field.width == 0 ? 0 : raw >> field.offset & ((1ULL << field.width) - 1);
}

std::int16_t signed_bits(ByteSpan entry, const BitField& field) {
    return static_cast<std::int16_t>(bits(entry, field));
}

OrcReg to_reg(std::uint64_t value) {
    return value <= static_cast<std::uint64_t>(OrcReg::kSpIndirect) ? static_cast<OrcReg>(value)
                                                                    : OrcReg::kUndefined;
}

OrcType to_type(std::uint64_t value, bool has_end_flag) {
    // With the flag the numbers begin with CALL; without it UNDEFINED and END_OF_STACK come first.
    if (has_end_flag) value += 2;
    return value <= static_cast<std::uint64_t>(OrcType::kRegsPartial) ? static_cast<OrcType>(value)
                                                                      : OrcType::kUndefined;
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

OrcEntry OrcFormat::decode(ByteSpan raw) const {
    OrcEntry entry;
    entry.sp_offset = signed_bits(raw, sp_offset);
    entry.bp_offset = signed_bits(raw, bp_offset);
    entry.sp_reg = to_reg(bits(raw, sp_reg));
    entry.bp_reg = to_reg(bits(raw, bp_reg));
    entry.type = to_type(bits(raw, type), end.width != 0);
    entry.signal = bits(raw, signal) != 0;
    if (bits(raw, end) != 0) {
        entry.type = OrcType::kEndOfStack;
    } else if (end.width != 0 && entry.sp_reg == OrcReg::kUndefined) {
        entry.type = OrcType::kUndefined;
    }
    return entry;
}

std::optional<OrcTable> OrcTable::read(const MemoryReader& memory, const OrcSource& source,
                                       const OrcFormat& format, std::string& problem) {
    const std::string what = source.name.empty() ? "the kernel" : "module " + source.name;
    const std::uint64_t wanted = std::min(source.count, kMaxEntries);
    std::vector<std::byte> raw_ips(wanted * 4), raw_entries(wanted * format.size);
    const std::size_t got = std::min(memory.read_prefix(source.ips, raw_ips) / 4,
                                     memory.read_prefix(source.entries, raw_entries) / format.size);
    if (got < source.count) {
        problem = "the ORC unwind table of " + what + " can be read only in part (" +
                  std::to_string(got) + " of " + std::to_string(source.count) + " entries)";
    }
    if (got == 0) return std::nullopt;

    OrcTable table;
    table.name_ = source.name;
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
            format.decode(ByteSpan(raw_entries).subspan(i * format.size, format.size)));
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
