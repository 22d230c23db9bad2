// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "fake_memory.h"
#include "target/hex.h"
#include "target/packet.h"
#include "target/session.h"

namespace pyk {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint64_t kText = 0xffffffff81000000;
constexpr std::size_t kRip = 16;
constexpr int kRunning = 22, kSleeping = 1, kUnknown = 4000;
constexpr std::uint64_t kSleeperStack = 0xffffc90000010000;
constexpr std::uint64_t kPgd = 0xffff888000200000;

class SessionTest : public testing::Test {
 protected:
    SessionTest() {
        for (std::uint64_t i = 0; i < 7; ++i) memory.plant_pointer(kSleeperStack + 8 * i, 0xa0 + i);
        Thread running, sleeping, unknown;
        running.tid = kRunning;
        running.registers = RegisterSet{};
        running.registers->values[0] = 0x1122334455667788;
        running.registers->values[kRip] = kText;
        sleeping.tid = kSleeping;
        sleeping.thread_sp = {kSleeperStack};
        sleeping.pgd = {kPgd};
        sleeping.extra = "sleeps";
        unknown.tid = kUnknown;
        threads.add({sleeping, running, unknown});
        threads.set_selected(kRunning);
    }

    std::string ask(std::string_view payload) {
        return session.answer(payload).value_or("no reply");
    }

    std::string ask_for(int tid, std::string_view payload) {
        EXPECT_EQ(ask("Hg" + hex_text(static_cast<unsigned>(tid))), "OK");
        return ask(payload);
    }

    // Reads an object as GDB does: the next offset is the previous one plus what came.
    std::string read_object(const std::string& name, std::size_t part_size) {
        std::string object;
        for (;;) {
            const std::string reply =
                ask("qXfer:" + name + ":" + hex_text(object.size()) + "," + hex_text(part_size));
            object += reply.substr(1);
            if (reply[0] == 'l') return object;
            EXPECT_EQ(reply[0], 'm');
            EXPECT_GT(reply.size(), 1u);
            EXPECT_LE(frame(reply).size() - 4, kPacketSize);
            if (reply[0] != 'm' || reply.size() == 1) return "not a part: " + reply;
        }
    }

    std::size_t length_of_g() const {
        std::size_t digits = 0;
        for (const Register& reg : x86_64().registers()) digits += 2 * reg.size;
        for (const Register& reg : x86_64().unknown_registers()) digits += 2 * reg.size;
        return digits;
    }

    FakeMemory memory;
    ThreadTable threads;
    TargetCounters counters;
    Session session{memory, x86_64(), threads, counters};
};

TEST_F(SessionTest, OffersWhatItHasAndErrorMessagesOnlyToThoseWhoKnowThem) {
    const std::string offer =
        "PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;qXfer:threads:read+;"
        "binary-upload+";
    EXPECT_EQ(ask("qSupported:multiprocess+;swbreak+"), offer);
    EXPECT_EQ(ask("qSupported:error-message+;swbreak+"), offer + ";error-message+");
}

TEST_F(SessionTest, HandshakeOfGdb13) {
    EXPECT_EQ(ask("vMustReplyEmpty"), "");
    EXPECT_FALSE(session.no_ack());
    EXPECT_EQ(ask("QStartNoAckMode"), "OK");
    EXPECT_TRUE(session.no_ack());
    EXPECT_EQ(ask("Hg0"), "OK");
    EXPECT_EQ(ask("qTStatus"), "");
    EXPECT_EQ(ask("?"), "T00thread:16;");
    EXPECT_EQ(ask("Hc-1"), "OK");
    EXPECT_EQ(ask("qOffsets"), "");
    EXPECT_EQ(ask("qSymbol::"), "OK");
    EXPECT_EQ(ask("qAttached"), "1");
    EXPECT_EQ(ask("qC"), "QC16");
}

TEST_F(SessionTest, TargetXmlInPartsIsWhole) {
    EXPECT_EQ(read_object("features:read:target.xml", 100), x86_64().target_xml());
    EXPECT_EQ(read_object("features:read:target.xml", kPacketSize), x86_64().target_xml());
    EXPECT_EQ(ask("qXfer:features:read:target.xml:ffffffff,10"), "l");
}

TEST_F(SessionTest, RegistersOfARunningTaskAreItsNote) {
    const std::string regs = ask_for(kRunning, "g");
    EXPECT_EQ(regs.size(), length_of_g());
    EXPECT_EQ(regs.substr(0, 32), "8877665544332211xxxxxxxxxxxxxxxx");
    EXPECT_EQ(ask("p0"), "8877665544332211");
    EXPECT_EQ(ask("p1"), "xxxxxxxxxxxxxxxx");
}

TEST_F(SessionTest, RegistersOfASleeperAreInItsSwitchFrame) {
    EXPECT_EQ(ask_for(kSleeping, "g").size(), length_of_g());
    EXPECT_EQ(ask("p" + hex_text(kRip)), "a600000000000000");  // rip: the return address
    EXPECT_EQ(ask("p7"),
              "38000100"
              "00c9ffff");              // rsp: behind the frame
    EXPECT_EQ(ask("p11"), "xxxxxxxx");  // eflags, 4 bytes
}

TEST_F(SessionTest, RegistersOfAnUnknownTaskOrAnUnreadableStackAreUnavailable) {
    EXPECT_EQ(ask_for(kUnknown, "g"), std::string(length_of_g(), 'x'));
    memory.make_hole(kSleeperStack + 16, 1);
    EXPECT_EQ(ask_for(kSleeping, "g"), std::string(length_of_g(), 'x'));
}

TEST_F(SessionTest, FloatingPointIsUnavailableAndNumbersEndBehindIt) {
    const std::size_t known = x86_64().registers().size();
    const std::size_t all = known + x86_64().unknown_registers().size();
    EXPECT_EQ(ask("p" + hex_text(known)), std::string(20, 'x'));
    EXPECT_EQ(ask("p" + hex_text(all)), "E01");
    EXPECT_EQ(ask("pffffffffffffffff"), "E01");
}

TEST_F(SessionTest, StopsInAThreadWithAProgramCounterSinceGdbTakesNoOther) {
    threads.set_selected(kUnknown);
    EXPECT_EQ(ask("?"), "T00thread:1;");
    EXPECT_EQ(ask_for(0, "qC"), "QC1");  // GDB asks for no other before it reads the registers
    memory.make_hole(kSleeperStack, 1);
    EXPECT_EQ(ask("?"), "T00thread:16;");
}

TEST_F(SessionTest, StopsInTheSelectedThreadWhenNoneHasAProgramCounter) {
    ThreadTable blind;
    Thread thread;
    thread.tid = 9;
    blind.add({thread});
    Session other(memory, x86_64(), blind, counters);
    EXPECT_EQ(other.answer("?"), "T00thread:9;");
}

TEST_F(SessionTest, ThreadThatIsNotThereCannotBeSelected) {
    EXPECT_EQ(ask_for(kSleeping, "qC"), "QC1");
    EXPECT_EQ(ask("Hg99"), "E01");
    EXPECT_EQ(ask("qC"), "QC1");
    EXPECT_EQ(ask("T1"), "OK");
    EXPECT_EQ(ask("T99"), "E01");
    EXPECT_EQ(ask("qThreadExtraInfo,1"), to_hex("sleeps"));
    EXPECT_EQ(ask("qThreadExtraInfo,99"), "E01");
}

TEST_F(SessionTest, MemoryIsReadUpToTheFirstHole) {
    memory.plant(kText, "0123456789");
    EXPECT_EQ(ask("mffffffff81000000,4"), "30313233");
    EXPECT_EQ(ask("mffffffff81000008,100"), "3839");
    EXPECT_EQ(ask("mffffffff8100000a,1"), "E14");
    EXPECT_EQ(ask("xffffffff81000002,3"), "b234");
    EXPECT_EQ(ask("xffffffff81000008,ffffffffffffffff"), "b89");
    EXPECT_EQ(ask("xffffffff8100000a,1"), "E14");
    EXPECT_EQ(ask("xffffffff81000000,0"), "b");
    EXPECT_EQ(counters.memory_packets, 6u);
    EXPECT_EQ(counters.bytes_read, 4u + 2 + 3 + 2);
    EXPECT_EQ(counters.failed_reads, 2u);
}

TEST_F(SessionTest, AddressesWrap) {
    memory.plant(0xfffffffffffffffe, "ab");
    memory.plant(0, "cd");
    EXPECT_EQ(ask("mfffffffffffffffe,4"), "61626364");
}

TEST_F(SessionTest, LongReadsFitIntoAPacketHoweverTheyAreEscaped) {
    memory.plant(kText, std::string(3 * kPacketSize / 2, '*'));
    for (const char* payload : {"mffffffff81000000,ffffffff", "xffffffff81000000,ffffffff"}) {
        const std::string reply = ask(payload);
        EXPECT_LE(frame(reply).size() - 4, kPacketSize);
        EXPECT_GE(frame(reply).size() - 4, kPacketSize - 1);
    }
}

TEST_F(SessionTest, UserMemoryIsThatOfTheSelectedThread) {
    memory.plant_user(kPgd, 0x400000, "user");
    EXPECT_EQ(ask_for(kSleeping, "m400000,4"), to_hex("user"));
    EXPECT_EQ(ask_for(kRunning, "m400000,4"), "E14");
    memory.plant(kText, "text");
    EXPECT_EQ(ask_for(kSleeping, "mffffffff81000000,4"), to_hex("text"));
}

TEST_F(SessionTest, WritesAndExecutionAreRefusedInWords) {
    for (const char* payload : {"Mffffffff81000000,1:00", "Xffffffff81000000,0:", "G00", "P0=00"}) {
        EXPECT_EQ(ask(payload), "E.this is a crash dump: it cannot be changed") << payload;
    }
    for (const char* payload : {"c", "s", "vCont;c", "C05", "vRun;61"}) {
        EXPECT_EQ(ask(payload), "E.this is a crash dump: it cannot run") << payload;
    }
}

TEST_F(SessionTest, BreakpointsAreTakenSoThatTheAnswerToContinueSaysWhy) {
    EXPECT_EQ(ask("Z0,ffffffff81000000,1"), "OK");
    EXPECT_EQ(ask("c"), "E.this is a crash dump: it cannot run");
    EXPECT_EQ(ask("z0,ffffffff81000000,1"), "OK");
}

TEST_F(SessionTest, LeavingIsAllowedAndPlainKillHasNoReply) {
    EXPECT_EQ(ask("D"), "OK");
    EXPECT_EQ(ask("vKill;1"), "OK");
    EXPECT_EQ(session.answer("k"), std::nullopt);
}

TEST_F(SessionTest, MonitorCommandsAnswerInText) {
    memory.plant(kText, "0123");
    ask("mffffffff81000000,4");
    EXPECT_THAT(*from_hex(ask("qRcmd," + to_hex("stats"))),
                HasSubstr("1 of them for memory: 4 bytes read"));
    EXPECT_THAT(*from_hex(ask("qRcmd," + to_hex("help"))), HasSubstr("monitor stats"));
    EXPECT_THAT(*from_hex(ask("qRcmd," + to_hex("x\x1by"))), StartsWith("no such command: xy;"));
    EXPECT_THAT(*from_hex(ask("qRcmd,")), StartsWith("no such command"));
}

TEST_F(SessionTest, PartsOfTheThreadListAreOfOneListEvenIfThreadsComeInBetween) {
    const std::string first = ask("qXfer:threads:read::0,20").substr(1);
    Thread late;
    late.tid = 5000;
    threads.add({late});
    const std::string rest = ask("qXfer:threads:read::20,fff").substr(1);
    EXPECT_THAT(rest, testing::Not(HasSubstr("1388")));
    EXPECT_THAT(first + rest, testing::EndsWith("</threads>\n"));
    EXPECT_THAT(read_object("threads:read:", 0x20), HasSubstr("id=\"1388\""));
}

TEST(Session, WithoutThreadsStopsNowhere) {
    const FakeMemory memory;
    const ThreadTable threads;
    TargetCounters counters;
    Session session(memory, x86_64(), threads, counters);
    EXPECT_EQ(session.answer("?"), "S00");
    EXPECT_EQ(session.answer("qfThreadInfo"), "l");
    EXPECT_THAT(*session.answer("g"), StartsWith("xxxx"));
    EXPECT_EQ(session.answer("mffffffff81000000,4"), "E14");
}

class ManyThreads : public SessionTest {
 protected:
    static constexpr int kCount = 60000;

    ManyThreads() {
        std::vector<Thread> many(kCount);
        for (int i = 0; i < kCount; ++i) {
            many[i].tid = 100000 - i;
            many[i].name = "#$}*<&";
            many[i].extra = "task ffff888003016200 S 182 s";
        }
        threads.add(std::move(many));
    }
};

TEST_F(ManyThreads, XmlArrivesInPartsWithinASecondAndIsBuiltOnce) {
    const auto started = std::chrono::steady_clock::now();
    const std::string xml = read_object("threads:read:", kPacketSize - 5);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    EXPECT_LT(took.count(), 10.0);  // sanitizers are slow; without them it is 0.05 s
    EXPECT_THAT(xml, testing::EndsWith("</threads>\n"));
    std::size_t count = 0;
    for (std::size_t at = xml.find("<thread "); at != xml.npos; at = xml.find("<thread ", at + 1)) {
        ++count;
    }
    EXPECT_EQ(count, kCount + 3u);
}

TEST_F(ManyThreads, ListWithoutXmlNamesAllOfThem) {
    std::size_t count = 0;
    for (std::string reply = ask("qfThreadInfo"); reply != "l"; reply = ask("qsThreadInfo")) {
        ASSERT_EQ(reply[0], 'm');
        ASSERT_LE(reply.size(), kPacketSize);
        count += 1 + std::count(reply.begin(), reply.end(), ',');
    }
    EXPECT_EQ(count, kCount + 3u);
}

}  // namespace
}  // namespace pyk
