// SPDX-License-Identifier: GPL-2.0-or-later
#include "bulk/search.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

#include "base/error.h"
#include "dump/scan.h"

namespace pyk {
namespace {

constexpr std::size_t kMaxPattern = 4096;

using Offsets = std::vector<std::uint32_t>;

template <typename Word>
Offsets find_words(ByteSpan page, const SearchFor& wanted) {
    constexpr std::size_t kBlock = 64;
    const std::uint64_t span = wanted.high - wanted.low;
    const auto matches = [&](std::size_t at) {
        Word word;
        std::memcpy(&word, page.data() + at, sizeof word);
        return (std::uint64_t{word} & wanted.mask) - wanted.low <= span;
    };
    Offsets found;
    for (std::size_t block = 0; block + kBlock <= page.size(); block += kBlock) {
        // Without a branch a word, so that the compiler can look at several at once.
        bool any = false;
        for (std::size_t at = 0; at < kBlock; at += sizeof(Word)) any |= matches(block + at);
        for (std::size_t at = 0; any && at < kBlock; at += sizeof(Word)) {
            if (matches(block + at)) found.push_back(static_cast<std::uint32_t>(block + at));
        }
    }
    return found;
}

// How many of the first bytes of `pattern` the end of `page` holds, from `offset` on.
bool ends_with_start(ByteSpan page, std::size_t offset, ByteSpan pattern) {
    return std::memcmp(page.data() + offset, pattern.data(), page.size() - offset) == 0;
}

Offsets find_bytes(std::uint64_t pfn, ByteSpan page, ByteSpan pattern, PhysicalReader& reader) {
    Offsets found;
    const std::string_view text = as_text(page), sought = as_text(pattern);
    for (auto at = text.find(sought); at != text.npos; at = text.find(sought, at + 1)) {
        found.push_back(static_cast<std::uint32_t>(at));
    }
    // Those that go on in the next page.
    std::vector<std::byte> next;
    for (std::size_t at = page.size() - std::min(page.size(), pattern.size() - 1); at < page.size();
         ++at) {
        if (!ends_with_start(page, at, pattern)) continue;
        if (next.empty()) {
            next.resize(page.size());
            if (reader.read_uncached(pfn + 1, next) != PageStatus::kOk) break;
        }
        const ByteSpan rest = pattern.subspan(page.size() - at);
        if (std::memcmp(next.data(), rest.data(), rest.size()) == 0) {
            found.push_back(static_cast<std::uint32_t>(at));
        }
    }
    return found;
}

Offsets find_in(std::uint64_t pfn, ByteSpan page, const SearchFor& wanted, PhysicalReader& reader) {
    if (!wanted.bytes.empty()) return find_bytes(pfn, page, wanted.bytes, reader);
    switch (wanted.size) {
        case 1:
            return find_words<std::uint8_t>(page, wanted);
        case 2:
            return find_words<std::uint16_t>(page, wanted);
        case 4:
            return find_words<std::uint32_t>(page, wanted);
        default:
            return find_words<std::uint64_t>(page, wanted);
    }
}

void check(const SearchFor& wanted) {
    const auto size = wanted.size;
    if (wanted.bytes.size() > kMaxPattern) {
        throw Error("a pattern of " + std::to_string(wanted.bytes.size()) +
                    " bytes is too long; up to " + std::to_string(kMaxPattern) + " can be sought");
    }
    if ((size != 1 && size != 2 && size != 4 && size != 8) || wanted.low > wanted.high) {
        throw Error("numbers of " + std::to_string(size) + " bytes from " +
                    std::to_string(wanted.low) + " to " + std::to_string(wanted.high) +
                    " cannot be sought");
    }
}

}  // namespace

SearchResult search(const std::shared_ptr<DumpSource>& source, const SearchFor& wanted,
                    const PageMap* only, std::size_t limit, const Progress& progress) {
    check(wanted);
    SearchResult result;
    std::mutex mutex;
    std::atomic<std::uint64_t> pages = 0;
    const auto visit = [&](std::uint64_t pfn, ByteSpan page, PhysicalReader& reader) {
        ++pages;
        const Offsets found = find_in(pfn, page, wanted, reader);
        if (found.empty()) return true;
        const std::lock_guard lock(mutex);
        for (const std::uint32_t offset : found) {
            result.is_cut |= result.hits.size() == limit;
            if (!result.is_cut) result.hits.push_back({pfn * page.size() + offset});
        }
        return !result.is_cut;
    };
    try {
        scan_pages(source, "searching", progress, visit, only);
    } catch (const Interrupted&) {
        result.is_interrupted = true;
    }
    result.pages = pages;
    std::ranges::sort(result.hits);
    return result;
}

}  // namespace pyk
