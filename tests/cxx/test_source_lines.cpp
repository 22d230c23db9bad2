// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the debug info of this very program: its lines are known here.
#include <gtest/gtest.h>
#include <link.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/error.h"
#include "symbols/source_lines.h"

namespace pyk {
namespace {

const std::string kProgram = "/proc/self/exe";

std::uint64_t load_offset() {
    std::uint64_t offset = 0;
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* found) {
            *static_cast<std::uint64_t*>(found) = info->dlpi_addr;
            return 1;  // the first is the program
        },
        &offset);
    return offset;
}

struct Here {
    std::uint64_t addr;  // as linked, of code in the line
    int line;
};

[[gnu::always_inline]] inline Here inner() {
    std::uint64_t addr = 0;
    const int line = __LINE__ + 1;
    asm volatile("1: lea 1b(%%rip), %0" : "=r"(addr));
    return {addr - load_offset(), line};
}

[[gnu::noinline]] std::pair<Here, int> outer() {
    return {inner(), __LINE__};
}

TEST(SourceLines, InlinedCodeHasTheInnermostLine) {
    const Here here = outer().first;
    const auto place = SourceLines(kProgram).line_at(here.addr);
    ASSERT_TRUE(place);
    EXPECT_TRUE(place->file.ends_with("test_source_lines.cpp")) << place->file;
    EXPECT_EQ(place->line, here.line);
}

TEST(SourceLines, FramesGoFromTheInlinedFunctionToTheLineThatCalledIt) {
    const auto [here, call_line] = outer();
    const auto frames = SourceLines(kProgram).frames_at(here.addr);
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].function, "inner");
    EXPECT_EQ(frames[0].place.line, here.line);
    EXPECT_EQ(frames[1].function, "outer");
    EXPECT_EQ(frames[1].place.line, call_line);
}

TEST(SourceLines, AddressOutsideAllCodeHasNone) {
    SourceLines lines(kProgram);
    EXPECT_FALSE(lines.line_at(~0ULL));
    EXPECT_TRUE(lines.frames_at(~0ULL).empty());
}

TEST(SourceLines, FileWithoutDebugInfoIsRefused) {
    EXPECT_THROW(SourceLines("/dev/null"), Error);
    EXPECT_THROW(SourceLines("/nonexistent"), Error);
}

TEST(SourceLines, DamagedDebugInfoIsNotKnownOrWrongButNeverMore) {
    std::ifstream program(kProgram, std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(program)), {});
    const std::uint64_t addr = outer().first.addr;
    std::mt19937 random(1);
    const auto folder = std::filesystem::temp_directory_path();
    const std::string path = folder / ("damaged." + std::to_string(::getpid()));
    for (int round = 0; round < 12; ++round) {
        std::string damaged = whole;
        // The ELF header is GDB's and elfutils' to refuse.
        for (std::size_t at = 64; at < damaged.size();
             at += 1 + random() % (4096U << (2 * (round % 4)))) {
            damaged[at] = static_cast<char>(random());
        }
        std::ofstream(path, std::ios::binary) << damaged;
        try {
            SourceLines lines(path);
            for (std::uint64_t near = addr - 4096; near < addr + 4096; near += 64) {
                lines.line_at(near);
                lines.frames_at(near);
            }
        } catch (const Error&) {
        }
    }
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace pyk
