// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "target/hex.h"
#include "target/packet.h"

namespace pyk {

void PrintTo(const WireItem& item, std::ostream* out) {
    *out << static_cast<int>(item.kind) << " " << item.payload;
}

bool operator==(const WireItem& a, const WireItem& b) {
    return a.kind == b.kind && a.payload == b.payload;
}

namespace {

using Kind = WireItem::Kind;
using Items = std::vector<WireItem>;

Items items_of(PacketReader& reader, std::string_view bytes) {
    Items items;
    while (auto item = reader.next(bytes)) items.push_back(*std::move(item));
    return items;
}

Items items_of(std::string_view bytes) {
    PacketReader reader;
    return items_of(reader, bytes);
}

TEST(Packet, FrameCarriesTheChecksumOfTheProtocolsManual) {
    EXPECT_EQ(frame("OK"), "$OK#9a");
    EXPECT_EQ(frame(""), "$#00");
}

TEST(Packet, BytesOfTheFramingAreEscaped) {
    EXPECT_EQ(frame("a#b$c}d*e").substr(0, 15),
              "$a}\x03"
              "b}\x04"
              "c}]d}\n"
              "e#");
}

TEST(Packet, EveryByteSurvivesTheWire) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    EXPECT_EQ(items_of(frame(all)), (Items{{Kind::kPacket, all}}));
}

TEST(Packet, ArrivesInSingleBytes) {
    PacketReader reader;
    Items items;
    const std::string wire = "+" + frame("qC") + std::string(1, '\x03') + "-" + frame("?");
    for (const char byte : wire) {
        for (WireItem& item : items_of(reader, {&byte, 1})) items.push_back(std::move(item));
    }
    EXPECT_EQ(items, (Items{{Kind::kAck, {}},
                            {Kind::kPacket, "qC"},
                            {Kind::kInterrupt, {}},
                            {Kind::kNak, {}},
                            {Kind::kPacket, "?"}}));
}

TEST(Packet, WrongOrGarbledChecksumIsDamage) {
    EXPECT_EQ(items_of("$OK#9b"), (Items{{Kind::kDamaged, {}}}));
    EXPECT_EQ(items_of("$OK#zz$g#67"), (Items{{Kind::kDamaged, {}}, {Kind::kPacket, "g"}}));
}

TEST(Packet, NewStartInsideAPacketDropsTheOldOne) {
    EXPECT_EQ(items_of("$m123$g#67"), (Items{{Kind::kPacket, "g"}}));
}

TEST(Packet, NoiseBetweenPacketsIsSkipped) {
    EXPECT_EQ(items_of("abc#\xff}$g#67xyz"), (Items{{Kind::kPacket, "g"}}));
}

TEST(Packet, LongestIsTakenAndOneByteMoreIsRefused) {
    const std::string longest(kPacketSize, 'a');
    EXPECT_EQ(items_of(frame(longest)), (Items{{Kind::kPacket, longest}}));
    const std::string wire = frame(longest + "a") + frame("g");
    EXPECT_EQ(items_of(wire), (Items{{Kind::kTooLong, {}}, {Kind::kPacket, "g"}}));
}

TEST(Packet, EscapedPrefixCountsBytesThatFit) {
    EXPECT_EQ(escaped_prefix("abc", 3), 3u);
    EXPECT_EQ(escaped_prefix("a*c", 3), 2u);
    EXPECT_EQ(escaped_prefix("ab*", 3), 2u);
    EXPECT_EQ(escaped_prefix("", 3), 0u);
}

TEST(Packet, RandomBytesNeverBreakTheReader) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        std::mt19937 random(seed);
        const std::string_view alphabet =
            "$#}*+-\x03"
            "0123456789abcdefgmxqZ";
        PacketReader reader;
        for (int i = 0; i < 2000; ++i) {
            const char byte = alphabet[random() % alphabet.size()];
            items_of(reader, {&byte, 1});
        }
        // Between packets or within one: the next '$' starts anew, at the latest behind a checksum.
        items_of(reader, "$#00");
        EXPECT_EQ(items_of(reader, "$g#67").size(), 1u) << "seed " << seed;
    }
}

TEST(Hex, BytesThereAndBack) {
    EXPECT_EQ(to_hex("a\xff"), "61ff");
    EXPECT_EQ(from_hex("61fF"), "a\xff");
    EXPECT_FALSE(from_hex("6"));
    EXPECT_FALSE(from_hex("6g"));
}

TEST(Hex, NumbersAreWholeUnsignedAndAtMost64Bits) {
    EXPECT_EQ(hex_number("ffffFFFF81000000"), 0xffffffff81000000);
    for (const char* wrong : {"", "-1", "+1", "0x1", "1 ", "g", "10000000000000000"}) {
        EXPECT_FALSE(hex_number(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace pyk
