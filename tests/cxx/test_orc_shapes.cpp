// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "orc/shapes.h"

namespace pyk {
namespace {

constexpr std::uint64_t kCode = 0xffffffff81000000;

// A stack of calls from these instructions, whose frames begin at `sp`.
Stack stack_at(std::uint64_t sp, const std::vector<std::uint64_t>& ips) {
    Stack stack;
    for (const std::uint64_t ip : ips) {
        stack.frames.push_back({.ip = {ip}, .sp = {sp}});
        sp += 0x40;
    }
    return stack;
}

std::vector<std::size_t> shapes(const std::vector<Stack>& stacks) {
    return shapes_of(stacks).of_stack;
}

TEST(StackShapes, StacksOfTheSameFramesElsewhereHaveOneShape) {
    const auto found = shapes_of({stack_at(0x1000, {kCode, kCode + 8}),
                                  stack_at(0x5000, {kCode, kCode + 8}), stack_at(0x9000, {kCode})});
    EXPECT_EQ(found.of_stack, (std::vector<std::size_t>{0, 0, 1}));
    EXPECT_EQ(found.first, (std::vector<std::size_t>{0, 2}));
}

TEST(StackShapes, FramesOfAnotherKindOrGuessedOnesAreAnotherShape) {
    Stack user = stack_at(0x1000, {kCode}), guessed = user, part = user, exact = user;
    user.frames[0].kind = FrameKind::kUser;
    guessed.frames[0].is_reliable = false;
    part.frames[0].regs_are_whole = false;
    exact.frames[0].is_exact = true;
    EXPECT_EQ(shapes({stack_at(0x1000, {kCode}), user, guessed, part, exact}),
              (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST(StackShapes, DamagedStacksShareAShapeOnlyForTheSameReason) {
    const Stack whole = stack_at(0x1000, {kCode});
    Stack cut = whole, excluded = whole;
    cut.end = excluded.end = StackEnd::kDamaged;
    cut.reason = "page cut off";
    excluded.reason = "page excluded";
    EXPECT_EQ(shapes({whole, cut, excluded, cut}), (std::vector<std::size_t>{0, 1, 2, 1}));
}

TEST(StackShapes, NoStacksHaveNoShapesAndEmptyStacksHaveOne) {
    EXPECT_TRUE(shapes_of({}).first.empty());
    EXPECT_EQ(shapes({Stack{}, Stack{}}), (std::vector<std::size_t>{0, 0}));
}

}  // namespace
}  // namespace pyk
