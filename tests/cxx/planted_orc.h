// SPDX-License-Identifier: GPL-2.0-or-later
// ORC tables and stacks planted in fake memory, byte by byte as a kernel lays them out.
#pragma once

#include <vector>

#include "fake_memory.h"
#include "orc/unwind.h"

namespace pyk::planted {

constexpr std::uint64_t kText = 0xffff'ffff'8100'0000, kTextSize = 0x10'0000;
constexpr std::uint64_t kIps = 0xffff'ffff'8200'0000, kEntries = 0xffff'ffff'8280'0000;
constexpr std::uint64_t kStack = 0xffff'c900'0010'0000;
constexpr std::uint64_t kIrqStack = 0xffff'c900'0000'4000;

// As objtool writes it since 6.4: numbers of registers, then 3 bits of type and `signal`.
struct Raw {
    std::uint64_t ip;
    std::int16_t sp_offset, bp_offset;
    unsigned sp_reg, bp_reg, byte5;
};

enum Number : unsigned { kNoReg = 0, kPrevSp = 1, kBp = 4, kSp = 5, kR10 = 6, kIndirectSp = 9 };
enum Type : unsigned { kUndefined = 0, kEnd = 1, kCall = 2, kRegs = 3, kPartial = 4 };
constexpr unsigned kSignal = 8;

inline std::vector<std::byte> bytes_of(const Raw& raw) {
    std::vector<std::byte> bytes(kOrcEntrySize);
    std::memcpy(bytes.data(), &raw.sp_offset, 2);
    std::memcpy(bytes.data() + 2, &raw.bp_offset, 2);
    bytes[4] = static_cast<std::byte>(raw.sp_reg | raw.bp_reg << 4);
    bytes[5] = static_cast<std::byte>(raw.byte5);
    return bytes;
}

inline OrcSource plant(FakeMemory& memory, const std::vector<Raw>& rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto relative = static_cast<std::int32_t>(rows[i].ip - (kIps + i * 4));
        memory.plant(kIps + i * 4, std::as_bytes(std::span(&relative, 1)));
        memory.plant(kEntries + i * kOrcEntrySize, bytes_of(rows[i]));
    }
    return {"", {kIps}, {kEntries}, rows.size(), {kText}, {kText + kTextSize}};
}

// A kernel of a few functions, 0x100 bytes each.
constexpr std::uint64_t kLeaf = kText, kMiddle = kText + 0x100, kByFrame = kText + 0x200,
                        kIrqEntry = kText + 0x300, kSwitch = kText + 0x400, kStart = kText + 0x500,
                        kHole = kText + 0x600, kNmiEntry = kText + 0x700;

inline std::vector<Raw> kernel_rows() {
    return {{kLeaf, 8, 0, kSp, kNoReg, kCall},
            {kMiddle, 24, -16, kSp, kPrevSp, kCall},
            {kByFrame, 16, -16, kBp, kPrevSp, kCall},
            {kIrqEntry, 0, 0, kSp, kNoReg, kRegs | kSignal},
            {kSwitch, 16, 0, kIndirectSp, kNoReg, kCall},
            {kStart, 0, 0, kNoReg, kNoReg, kEnd},
            {kHole, 0, 0, kNoReg, kNoReg, kUndefined},
            {kNmiEntry, 0, 0, kSp, kNoReg, kPartial | kSignal}};
}

inline OrcUnwinder kernel(FakeMemory& memory) {
    std::string problem;
    OrcUnwinder unwinder({});
    auto table =
        OrcTable::read(memory, plant(memory, kernel_rows()), OrcFormat::kWideType, problem);
    if (table) unwinder.add(std::move(*table));
    return unwinder;
}

}  // namespace pyk::planted
