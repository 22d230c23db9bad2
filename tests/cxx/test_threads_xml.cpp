// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "target/threads_xml.h"

namespace pyk {
namespace {

TEST(ThreadsXml, ThreadCarriesIdCoreNameAndExtra) {
    Thread thread;
    thread.tid = 0x40000001;
    thread.cpu = 12;
    thread.name = "<a&b>\"c'";
    thread.extra = "task ffff888003016200 D 182 s";
    EXPECT_EQ(threads_xml({thread}),
              "<?xml version=\"1.0\"?>\n<threads>\n"
              "<thread id=\"40000001\" core=\"12\" name=\"&lt;a&amp;b&gt;&quot;c&apos;\">"
              "task ffff888003016200 D 182 s</thread>\n</threads>\n");
}

TEST(Printable, TextInUtf8Stays) {
    const std::string text = "kworker/1:3 bl\xc3\xa5 \xe2\x82\xac \xf0\x9f\x90\xa7";
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, ControlCharactersGo) {
    EXPECT_EQ(printable(std::string("a\0b\n\t\x1b[31m\x7f", 11)), "ab[31m");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "31m");  // CSI as one character
}

TEST(Printable, WhatIsNoUtf8Goes) {
    EXPECT_EQ(printable("a\xff\x80z"), "az");
    EXPECT_EQ(printable("cut \xe2\x82"), "cut ");  // comm ends within a character
    EXPECT_EQ(printable("\xc0\xaf"
                        "\xe0\x80\xaf"),
              "");                                 // longer than needed
    EXPECT_EQ(printable("\xed\xa0\x80"), "");      // a surrogate
    EXPECT_EQ(printable("\xf4\x90\x80\x80"), "");  // above U+10FFFF
    EXPECT_EQ(printable("\xef\xbf\xbe"), "");      // U+FFFE, not allowed in XML
}

}  // namespace
}  // namespace pyk
