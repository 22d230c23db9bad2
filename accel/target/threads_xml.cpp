// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/threads_xml.h"

#include "target/hex.h"

namespace pyk {
namespace {

struct Character {
    char32_t code;
    std::size_t length;
};

constexpr Character kNotUtf8{0, 1};

// The character at the start of `text`, which is not empty.
Character decode(std::string_view text) {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return kNotUtf8;
    char32_t code = lead & (0x7f >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return kNotUtf8;
        code = code << 6 | (byte(i) & 0x3f);
    }
    constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    return code < kSmallest[length] ? kNotUtf8 : Character{code, length};
}

bool is_printable(char32_t code) {
    const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    return !control && !surrogate && code != 0xfffe && code != 0xffff && code <= 0x10ffff;
}

void append_escaped(std::string& out, std::string_view text) {
    for (const char byte : printable(text)) {
        switch (byte) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&apos;";
                break;
            default:
                out += byte;
        }
    }
}

}  // namespace

std::string printable(std::string_view text) {
    std::string kept;
    while (!text.empty()) {
        const Character character = decode(text);
        if (is_printable(character.code)) kept += text.substr(0, character.length);
        text.remove_prefix(character.length);
    }
    return kept;
}

std::string threads_xml(const std::vector<Thread>& threads) {
    std::string xml = "<?xml version=\"1.0\"?>\n<threads>\n";
    for (const Thread& thread : threads) {
        xml += "<thread id=\"" + hex_text(static_cast<unsigned>(thread.tid));
        xml += "\" core=\"" + std::to_string(thread.cpu) + "\" name=\"";
        append_escaped(xml, thread.name);
        xml += "\">";
        append_escaped(xml, thread.extra);
        xml += "</thread>\n";
    }
    return xml + "</threads>\n";
}

}  // namespace pyk
