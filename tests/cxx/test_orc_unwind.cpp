// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "arch/x86_64.h"
#include "orc/stacks.h"
#include "planted_orc.h"

namespace pyk {
namespace {

using namespace planted;
using enum FrameKind;

RegisterSet at(std::uint64_t ip, std::uint64_t sp, std::uint64_t bp = 0) {
    RegisterSet regs;
    regs.values[x86::kRip] = ip;
    regs.values[x86::kRsp] = sp;
    regs.values[x86::kRbp] = bp;
    return regs;
}

// struct pt_regs at `where`.
void plant_regs(FakeMemory& memory, std::uint64_t where, std::uint64_t ip, std::uint64_t sp,
                std::uint64_t cs = 0x10) {
    for (int i = 0; i < 21; ++i) memory.plant_pointer(where + i * 8, 0);
    memory.plant_pointer(where + 16 * 8, ip);
    memory.plant_pointer(where + 17 * 8, cs);
    memory.plant_pointer(where + 19 * 8, sp);
}

std::vector<std::uint64_t> ips(const Stack& stack) {
    std::vector<std::uint64_t> found;
    for (const StackFrame& frame : stack.frames) found.push_back(frame.ip.value);
    return found;
}

class Unwinding : public ::testing::Test {
 protected:
    Stack from(const RegisterSet& regs, bool exact = true) {
        return unwinder.unwind(memory, regs, exact);
    }
    void expect_damaged(const Stack& stack, std::size_t frames, const std::string& reason) {
        EXPECT_EQ(stack.end, StackEnd::kDamaged);
        EXPECT_EQ(stack.frames.size(), frames);
        EXPECT_EQ(stack.reason, reason);
    }

    FakeMemory memory;
    OrcUnwinder unwinder = kernel(memory);
};

TEST_F(Unwinding, CallsLeadToTheStartOfTheStack) {
    memory.plant_pointer(kStack, kMiddle + 0x10);
    memory.plant_pointer(kStack + 16, 0);  // bp of kMiddle's caller
    memory.plant_pointer(kStack + 24, kStart + 0x10);
    const Stack stack = from(at(kLeaf + 4, kStack));
    EXPECT_EQ(stack.end, StackEnd::kComplete) << stack.reason;
    EXPECT_EQ(ips(stack), (std::vector<std::uint64_t>{kLeaf + 4, kMiddle + 0x10, kStart + 0x10}));
    EXPECT_TRUE(stack.frames[0].is_exact);
    EXPECT_FALSE(stack.frames[1].is_exact);
}

TEST_F(Unwinding, ReturnAddressBehindAFunctionBelongsToIt) {
    memory.plant_pointer(kStack, kIrqEntry);  // the call was kByFrame's last instruction
    memory.plant_pointer(kStack + 0x40, 0);
    memory.plant_pointer(kStack + 0x48, kStart + 1);
    EXPECT_EQ(ips(from(at(kLeaf, kStack, kStack + 0x40))),
              (std::vector<std::uint64_t>{kLeaf, kIrqEntry, kStart + 1}));
}

TEST_F(Unwinding, InterruptLeadsToWhatItInterruptedOnAnotherStack) {
    memory.plant_pointer(kIrqStack, kSwitch + 0x10);
    memory.plant_pointer(kIrqStack + 8, kStack - 0x100);
    memory.plant_pointer(kStack - 0x100 + 8, kIrqEntry + 1);
    plant_regs(memory, kStack - 0x100 + 16, kLeaf + 2, kStack);
    memory.plant_pointer(kStack, kStart + 1);
    const Stack stack = from(at(kLeaf, kIrqStack));
    ASSERT_EQ(stack.end, StackEnd::kComplete) << stack.reason;
    EXPECT_EQ(ips(stack), (std::vector<std::uint64_t>{kLeaf, kSwitch + 0x10, kIrqEntry + 1,
                                                      kLeaf + 2, kStart + 1}));
    EXPECT_EQ(stack.frames[3].kind, kRegs);
    EXPECT_EQ(stack.frames[3].regs.value, kStack - 0x100 + 16);
    EXPECT_TRUE(stack.frames[3].is_exact);
}

TEST_F(Unwinding, UserModeIsTheLastFrame) {
    plant_regs(memory, kStack, 0x401000, 0x7ffe'0000, 0x33);
    const Stack stack = from(at(kIrqEntry, kStack));
    EXPECT_EQ(stack.end, StackEnd::kComplete);
    ASSERT_EQ(stack.frames.size(), 2u);
    EXPECT_EQ(stack.frames[1].kind, kUser);
    EXPECT_EQ(stack.frames[1].sp.value, 0x7ffe'0000u);
    EXPECT_TRUE(stack.frames[1].regs_are_whole);
}

TEST_F(Unwinding, EntryThatSavedNothingYetHasWhatTheProcessorPushed) {
    memory.plant_pointer(kStack, kLeaf + 2);
    memory.plant_pointer(kStack + 8, 0x10);
    memory.plant_pointer(kStack + 16, 0);
    memory.plant_pointer(kStack + 24, kIrqStack);
    memory.plant_pointer(kStack + 32, 0);
    memory.plant_pointer(kIrqStack, kStart + 1);
    const Stack stack = from(at(kNmiEntry, kStack));
    ASSERT_EQ(stack.frames.size(), 3u) << stack.reason;
    EXPECT_FALSE(stack.frames[1].regs_are_whole);
    EXPECT_EQ(stack.frames[1].regs.value, kStack - 16 * 8);
}

TEST_F(Unwinding, ExcludedStackPageEndsTheStackWithItsReason) {
    memory.plant_pointer(kStack, kMiddle + 0x10);
    expect_damaged(from(at(kLeaf, kStack)), 2,
                   "the stack at 0xffffc90000100018 cannot be read: not planted");
}

TEST_F(Unwinding, StackPointerInNoStackEndsTheStack) {
    expect_damaged(from(at(kLeaf, 0x10)), 1, "the stack at 0x10 cannot be read: not planted");
}

TEST_F(Unwinding, LoopEndsTheStack) {
    plant_regs(memory, kStack, kIrqEntry, kStack);
    expect_damaged(from(at(kIrqEntry, kStack)), 1,
                   "the frame at 0xffffc90000100000 would lead back; a loop");
    memory.plant_pointer(kIrqStack, kSwitch + 0x10);
    memory.plant_pointer(kIrqStack + 8, kIrqStack - 8);
    expect_damaged(from(at(kLeaf, kIrqStack)), 2,
                   "the frame at 0xffffc90000004008 would lead back; a loop");
}

TEST_F(Unwinding, EndlessStackEnds) {
    for (std::uint64_t i = 0; i < 5000; ++i) memory.plant_pointer(kStack + i * 8, kLeaf + 1);
    expect_damaged(from(at(kLeaf, kStack)), 1024, "it has too many frames; a loop?");
}

TEST_F(Unwinding, CodeWithoutAnEntryEndsTheStack) {
    memory.plant_pointer(kStack, kHole + 0x10);
    expect_damaged(from(at(kLeaf, kStack)), 2,
                   "the unwind tables do not say how 0xffffffff8100060f was called");
    memory.plant_pointer(kStack, 0);
    expect_damaged(from(at(kLeaf, kStack)), 1, "there is no return address at 0xffffc90000100000");
}

TEST_F(Unwinding, CallThroughNullIsCertain) {
    memory.plant_pointer(kStack, kStart + 1);
    const Stack stack = from(at(0, kStack));
    EXPECT_EQ(ips(stack), (std::vector<std::uint64_t>{0, kStart + 1}));
    EXPECT_TRUE(stack.frames[1].is_reliable);
}

TEST_F(Unwinding, GeneratedCodeIsPassedByItsFramePointerAndMarked) {
    constexpr std::uint64_t kBpf = 0xffff'ffff'c000'0100;
    memory.plant_pointer(kStack, kBpf);
    memory.plant_pointer(kStack + 0x40, 0);
    memory.plant_pointer(kStack + 0x48, kMiddle + 1);
    memory.plant_pointer(kStack + 0x60, kStart + 1);
    const Stack stack = from(at(kLeaf, kStack, kStack + 0x40));
    EXPECT_EQ(ips(stack), (std::vector<std::uint64_t>{kLeaf, kBpf, kMiddle + 1, kStart + 1}));
    EXPECT_TRUE(stack.frames[1].is_reliable);
    EXPECT_FALSE(stack.frames[2].is_reliable);
}

TEST_F(Unwinding, GeneratedCodeWithoutAFramePointerEndsTheStack) {
    memory.plant_pointer(kStack, 0x1234);
    expect_damaged(from(at(kLeaf, kStack)), 2, "0x1234 is not in the kernel's code nor a module's");
}

TEST_F(Unwinding, UnknownRegistersAreNoFrames) {
    expect_damaged(from({}), 0, "its registers are not known");
}

TEST_F(Unwinding, SpIndirectOfSavedRegistersAddsItsOffsetFirst) {
    auto rows = kernel_rows();
    rows[4].byte5 = planted::kRegs | kSignal;
    std::string problem;
    OrcUnwinder older({});
    older.add(*OrcTable::read(memory, plant(memory, rows), OrcFormat::kWideType, problem));
    memory.plant_pointer(kIrqStack + 16, kStack);
    plant_regs(memory, kStack, 0x401000, 0x7ffe'0000, 0x33);
    EXPECT_EQ(older.unwind(memory, at(kSwitch, kIrqStack), true).frames.at(1).ip.value, 0x401000u);
}

TEST(Stacks, ManyAreUnwoundInTheirOrder) {
    FakeMemory memory;
    const OrcUnwinder unwinder = kernel(memory);
    std::vector<StackStart> starts;
    for (std::uint64_t i = 0; i < 1000; ++i) {
        memory.plant_pointer(kStack + i * 64, kStart + i % 0x100);
        starts.push_back({at(kLeaf, kStack + i * 64), {}});
    }
    starts.push_back({});
    const auto new_reader = [&] { return std::make_unique<FakeMemory>(memory); };
    const auto stacks = unwind_all(unwinder, x86_64(), new_reader, starts);
    ASSERT_EQ(stacks.size(), 1001u);
    for (std::uint64_t i = 1; i < 1000; ++i) {
        if (i % 0x100 == 0) continue;
        EXPECT_EQ(stacks[i].frames.at(1).ip.value, kStart + i % 0x100);
    }
    EXPECT_EQ(stacks[1000].reason, "it ran on a CPU whose registers are not in the dump");
}

}  // namespace
}  // namespace pyk
