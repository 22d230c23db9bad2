// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <random>

#include "target/request.h"

namespace pyk {
namespace {

template <typename Wanted>
bool is(std::string_view payload) {
    return std::holds_alternative<Wanted>(parse_request(payload));
}

template <typename Wanted>
Wanted get(std::string_view payload) {
    return std::get<Wanted>(parse_request(payload));
}

TEST(Request, MemoryReadsCarryTheirRange) {
    const auto digits = get<request::ReadMemory>("mffffffff81000000,40");
    EXPECT_EQ(digits.addr, KernelAddr{0xffffffff81000000});
    EXPECT_EQ(digits.size, 0x40u);
    EXPECT_FALSE(digits.binary);
    EXPECT_TRUE(get<request::ReadMemory>("x10,ffffffffffffffff").binary);
}

TEST(Request, ThreadsAreNamedInHexadecimal) {
    EXPECT_EQ(get<request::SelectThread>("Hg1f").tid, 0x1f);
    EXPECT_EQ(get<request::SelectThread>("Hc-1").tid, -1);
    EXPECT_EQ(get<request::SelectThread>("Hc0").purpose, 'c');
    EXPECT_EQ(get<request::ThreadAlive>("T40000001").tid, 0x40000001);
    EXPECT_EQ(get<request::ThreadExtra>("qThreadExtraInfo,2").tid, 2);
}

TEST(Request, ObjectsAreReadInParts) {
    const auto xml = get<request::ReadTargetXml>("qXfer:features:read:target.xml:10,fff");
    EXPECT_EQ(xml.offset, 0x10u);
    EXPECT_EQ(xml.size, 0xfffu);
    EXPECT_EQ(get<request::ReadThreads>("qXfer:threads:read::0,1fffb").size, 0x1fffbu);
}

TEST(Request, ErrorMessagesAreShownOnlyIfGdbSaysSo) {
    EXPECT_FALSE(get<request::Supported>("qSupported").error_messages);
    EXPECT_FALSE(get<request::Supported>("qSupported:swbreak+;error-message-").error_messages);
    EXPECT_TRUE(get<request::Supported>("qSupported:swbreak+;error-message+").error_messages);
}

TEST(Request, MonitorCommandIsDecoded) {
    EXPECT_EQ(get<request::Monitor>("qRcmd,7374617473").command, "stats");
}

TEST(Request, ChangesAndExecutionAreRecognized) {
    EXPECT_TRUE(is<request::WriteMemory>("M1000,1:00"));
    EXPECT_TRUE(is<request::WriteMemory>("X1000,0:"));
    EXPECT_TRUE(is<request::WriteRegisters>("G00"));
    EXPECT_TRUE(is<request::WriteRegisters>("P10=05"));
    EXPECT_TRUE(is<request::ChangeBreakpoint>("Z0,1000,1"));
    EXPECT_TRUE(is<request::ChangeBreakpoint>("z0,1000,1"));
    for (const char* run : {"c", "c1000", "C05", "s", "S05;10", "vCont;c", "vRun;61", "bc", "bs"}) {
        EXPECT_TRUE(is<request::Resume>(run)) << run;
    }
    EXPECT_TRUE(is<request::Leave>("D"));
    EXPECT_TRUE(is<request::Leave>("D;1"));
    EXPECT_TRUE(is<request::Leave>("vKill;1"));
    EXPECT_TRUE(is<request::Kill>("k"));
}

TEST(Request, RestOfTheHandshake) {
    EXPECT_TRUE(is<request::StartNoAck>("QStartNoAckMode"));
    EXPECT_TRUE(is<request::StopReason>("?"));
    EXPECT_TRUE(is<request::CurrentThread>("qC"));
    EXPECT_TRUE(is<request::Attached>("qAttached"));
    EXPECT_TRUE(is<request::Attached>("qAttached:1"));
    EXPECT_TRUE(is<request::OfferSymbols>("qSymbol::"));
    EXPECT_TRUE(is<request::FirstThreads>("qfThreadInfo"));
    EXPECT_TRUE(is<request::NextThreads>("qsThreadInfo"));
    EXPECT_TRUE(is<request::ReadRegisters>("g"));
    EXPECT_EQ(get<request::ReadRegister>("p1a").number, 0x1au);
}

TEST(Request, WhatAServerDoesNotKnowIsUnknown) {
    for (const char* payload :
         {"", "vMustReplyEmpty", "vCont?", "qTStatus", "qOffsets", "qCRC:0,1", "gg", "!", "??",
          "qXfer:auxv:read::0,10", "qSupportedOrNot", "QStartNoAckMode1", "vCtrlC", "\xff"}) {
        EXPECT_TRUE(is<request::Unknown>(payload)) << payload;
    }
}

TEST(Request, WrongArgumentsAreMalformed) {
    for (const char* payload : {"m",
                                "m10",
                                "m10,",
                                "m,10",
                                "m10,10,",
                                "m-1,1",
                                "m10000000000000000,1",
                                "x10",
                                "p",
                                "pzz",
                                "H",
                                "Hg",
                                "Hgp1.1",
                                "Hx1",
                                "Hg80000000",
                                "Hg-2",
                                "T",
                                "Tx",
                                "qThreadExtraInfo,",
                                "qXfer:features:read:target.xml:0",
                                "qXfer:features:read:target.xml:0,0",
                                "qXfer:features:read:other.xml:0,10",
                                "qXfer:threads:read:x:0,10",
                                "qRcmd,1",
                                "qRcmd,zz"}) {
        EXPECT_TRUE(is<request::Malformed>(payload)) << payload;
    }
}

TEST(Request, AnyBytesAreSomeRequest) {
    std::mt19937 random(7);
    for (int i = 0; i < 20000; ++i) {
        std::string payload = i % 2 ? "qXfer:threads:read::" : "";
        for (unsigned length = random() % 24; length > 0; --length) {
            payload += static_cast<char>(random());
        }
        parse_request(payload);
    }
}

}  // namespace
}  // namespace pyk
