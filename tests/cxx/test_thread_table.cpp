// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "target/thread_table.h"

namespace pyk {
namespace {

Thread thread(int tid, std::string name = "") {
    Thread made;
    made.tid = tid;
    made.name = std::move(name);
    return made;
}

TEST(ThreadTable, KeepsTheFirstOfATidAndTheOrder) {
    ThreadTable table;
    EXPECT_EQ(
        table.add({thread(7, "first"), thread(3), thread(7, "second"), thread(0), thread(-1)}), 2u);
    EXPECT_EQ(table.add({thread(3), thread(kIdleTid)}), 1u);
    EXPECT_EQ(table.size(), 3u);
    EXPECT_EQ(table.find(7)->name, "first");
    EXPECT_EQ(table.all()[1].tid, 3);
    EXPECT_TRUE(table.contains(kIdleTid));
    EXPECT_FALSE(table.find(0));
}

TEST(ThreadTable, SelectsTheFirstUntilAThreadOfItsOwnIsNamed) {
    ThreadTable table;
    EXPECT_EQ(table.selected(), 0);
    table.set_selected(9);
    table.add({thread(7), thread(8)});
    EXPECT_EQ(table.selected(), 7);
    table.add({thread(9)});
    EXPECT_EQ(table.selected(), 9);
}

}  // namespace
}  // namespace pyk
