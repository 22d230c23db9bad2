// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "dump/kdump_context.h"

namespace pyk {

// A page of the dump, or why there is none. Pages never change, so they are shared freely.
struct CachedPage {
    PageStatus status = PageStatus::kOk;
    std::shared_ptr<const std::byte[]> bytes;  // set when status is kOk
};

// Some bytes of one page, wanted by a batch of reads.
struct PagePart {
    enum class State : std::uint8_t { kMissing, kCopied, kUnreadable };

    std::uint64_t pfn = 0;
    std::uint32_t offset = 0, size = 0;  // in the page
    std::byte* out = nullptr;
    State state = State::kMissing;

    void take_from(const CachedPage& page);
};

// Decompressed pages by frame number, for all threads. Failures are kept too: asking for an
// excluded page again must not search the file again. A frame has eight places where it can be; of
// those the one that goes is one that was not used lately.
class PageCache {
 public:
    PageCache(std::uint64_t limit_bytes, std::uint32_t page_size);

    using Load = std::function<CachedPage(std::uint64_t pfn)>;
    // The page from the cache, else from `load`, which runs without a lock.
    CachedPage get(std::uint64_t pfn, const Load& load);
    // The page if it is here.
    std::optional<CachedPage> find(std::uint64_t pfn);

    // Copies the missing parts whose pages are here; the others stay missing. All locks are held
    // meanwhile, so a few hundred parts at once are enough.
    void copy(std::span<PagePart> parts);

    // Also empties the cache.
    void set_limit(std::uint64_t limit_bytes);

    struct Stats {
        std::uint64_t hits = 0, misses = 0, pages = 0, bytes = 0, limit_bytes = 0;
    };
    Stats stats() const;

 private:
    static constexpr std::size_t kWays = 8, kShards = 64;

    struct Set {
        std::array<std::uint64_t, kWays> tags{};  // frame number + 1, 0 for an empty place
        std::array<CachedPage, kWays> pages;
        unsigned used = 0;  // a bit for each place
        unsigned hand = 0;  // where the search for one to go begins
    };
    struct Shard {
        mutable std::mutex mutex;
        std::uint64_t hits = 0, misses = 0, pages = 0;
    };

    std::size_t index_of(std::uint64_t pfn) const;
    static const CachedPage* find(Set& set, std::uint64_t tag);
    static std::size_t make_room(Set& set);

    std::uint32_t page_size_;
    std::array<Shard, kShards> shards_;  // set n is guarded by shard n % kShards
    std::vector<std::unique_ptr<Set>> sets_;
};

// A share of this machine's memory: an eighth, at least 64 MiB, at most 4 GiB.
std::uint64_t default_cache_bytes();

}  // namespace pyk
