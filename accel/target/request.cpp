// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/request.h"

#include <limits>
#include <optional>
#include <utility>

#include "target/hex.h"

namespace pyk {
namespace {

using namespace request;

using Pair = std::pair<std::uint64_t, std::uint64_t>;

// "ADDRESS,LENGTH" and "OFFSET,LENGTH".
std::optional<Pair> hex_pair(std::string_view text) {
    const std::size_t comma = text.find(',');
    if (comma == text.npos) return std::nullopt;
    const auto first = hex_number(text.substr(0, comma));
    const auto second = hex_number(text.substr(comma + 1));
    if (!first || !second) return std::nullopt;
    return Pair{*first, *second};
}

std::optional<int> parse_tid(std::string_view text) {
    if (text == "-1") return -1;
    const auto tid = hex_number(text);
    if (!tid || *tid > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
        return std::nullopt;
    }
    return static_cast<int>(*tid);
}

template <typename Wanted>
Request always(std::string_view /*arguments*/) {
    return Wanted{};
}

template <typename Wanted>
Request of_thread(std::string_view arguments) {
    const auto tid = parse_tid(arguments);
    if (!tid) return Malformed{};
    return Wanted{*tid};
}

template <typename Wanted>
Request part_of_object(std::string_view arguments) {
    const auto part = hex_pair(arguments);
    if (!part || part->second == 0) return Malformed{};
    return Wanted{part->first, part->second};
}

Request supported(std::string_view arguments) {
    const std::string features = ";" + std::string(arguments) + ";";
    return Supported{features.find(";error-message+;") != features.npos};
}

Request select_thread(std::string_view arguments) {
    if (arguments.empty()) return Malformed{};
    const auto tid = parse_tid(arguments.substr(1));
    const char purpose = arguments.front();
    if (!tid || (purpose != 'g' && purpose != 'c')) return Malformed{};
    return SelectThread{purpose, *tid};
}

Request read_register(std::string_view arguments) {
    const auto number = hex_number(arguments);
    if (!number) return Malformed{};
    return ReadRegister{*number};
}

template <bool binary>
Request read_memory(std::string_view arguments) {
    const auto range = hex_pair(arguments);
    if (!range) return Malformed{};
    return ReadMemory{{range->first}, range->second, binary};
}

Request monitor(std::string_view arguments) {
    auto command = from_hex(arguments);
    if (!command) return Malformed{};
    return Monitor{*std::move(command)};
}

enum class Match { kWhole, kStart };

struct Rule {
    std::string_view name;
    Match match;
    Request (*parse)(std::string_view arguments);
};

// The first rule that fits is taken.
constexpr Rule kRules[] = {
    {"m", Match::kStart, &read_memory<false>},
    {"x", Match::kStart, &read_memory<true>},
    {"g", Match::kWhole, &always<ReadRegisters>},
    {"p", Match::kStart, &read_register},
    {"H", Match::kStart, &select_thread},
    {"T", Match::kStart, &of_thread<ThreadAlive>},
    {"?", Match::kWhole, &always<StopReason>},
    {"qSupported:", Match::kStart, &supported},
    {"qSupported", Match::kWhole, &supported},
    {"QStartNoAckMode", Match::kWhole, &always<StartNoAck>},
    {"qXfer:features:read:target.xml:", Match::kStart, &part_of_object<ReadTargetXml>},
    {"qXfer:features:read:", Match::kStart, &always<Malformed>},
    {"qXfer:threads:read::", Match::kStart, &part_of_object<ReadThreads>},
    {"qXfer:threads:read:", Match::kStart, &always<Malformed>},
    {"qfThreadInfo", Match::kWhole, &always<FirstThreads>},
    {"qsThreadInfo", Match::kWhole, &always<NextThreads>},
    {"qThreadExtraInfo,", Match::kStart, &of_thread<ThreadExtra>},
    {"qC", Match::kWhole, &always<CurrentThread>},
    {"qAttached", Match::kWhole, &always<Attached>},
    {"qAttached:", Match::kStart, &always<Attached>},
    {"qSymbol:", Match::kStart, &always<OfferSymbols>},
    {"qRcmd,", Match::kStart, &monitor},
    {"M", Match::kStart, &always<WriteMemory>},
    {"X", Match::kStart, &always<WriteMemory>},
    {"G", Match::kStart, &always<WriteRegisters>},
    {"P", Match::kStart, &always<WriteRegisters>},
    {"Z", Match::kStart, &always<ChangeBreakpoint>},
    {"z", Match::kStart, &always<ChangeBreakpoint>},
    {"c", Match::kStart, &always<Resume>},
    {"C", Match::kStart, &always<Resume>},
    {"s", Match::kStart, &always<Resume>},
    {"S", Match::kStart, &always<Resume>},
    {"bc", Match::kWhole, &always<Resume>},
    {"bs", Match::kWhole, &always<Resume>},
    {"vCont;", Match::kStart, &always<Resume>},
    {"vRun;", Match::kStart, &always<Resume>},
    {"vAttach;", Match::kStart, &always<Resume>},
    {"vKill;", Match::kStart, &always<Leave>},
    {"D", Match::kWhole, &always<Leave>},
    {"D;", Match::kStart, &always<Leave>},
    {"k", Match::kWhole, &always<Kill>},
    {"R", Match::kStart, &always<Kill>},
};

}  // namespace

Request parse_request(std::string_view payload) {
    for (const auto& [name, match, parse] : kRules) {
        const bool fits = match == Match::kWhole ? payload == name : payload.starts_with(name);
        if (fits) return parse(payload.substr(name.size()));
    }
    return Unknown{};
}

}  // namespace pyk
