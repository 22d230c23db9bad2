// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "dump/kdump_context.h"

namespace pyk {

// A page of the dump, or why there is none. Pages never change, so they are shared freely.
struct CachedPage {
    PageStatus status = PageStatus::kOk;
    std::shared_ptr<const std::byte[]> bytes;  // set when status is kOk
};

// Decompressed pages by frame number, least recently used out first, for all threads. Failures are
// kept too: asking for an excluded page again must not search the file again.
class PageCache {
 public:
    explicit PageCache(std::uint64_t limit_bytes, std::uint32_t page_size);

    using Load = std::function<CachedPage(std::uint64_t pfn)>;
    // The page from the cache, else from `load`, which runs without a lock.
    CachedPage get(std::uint64_t pfn, const Load& load);

    void set_limit(std::uint64_t limit_bytes);

    struct Stats {
        std::uint64_t hits = 0, misses = 0, pages = 0, bytes = 0, limit_bytes = 0;
    };
    Stats stats() const;

 private:
    struct Entry {
        std::uint64_t pfn;
        CachedPage page;
    };
    struct Shard {
        mutable std::mutex mutex;
        std::list<Entry> by_use;  // most recent first
        std::unordered_map<std::uint64_t, std::list<Entry>::iterator> by_pfn;
        std::uint64_t hits = 0, misses = 0;
    };
    static constexpr std::size_t kShards = 16;

    Shard& shard_of(std::uint64_t pfn) { return shards_[pfn % kShards]; }
    static void trim(Shard& shard, std::size_t limit);

    std::array<Shard, kShards> shards_;
    std::uint32_t page_size_;
    std::atomic<std::size_t> pages_per_shard_;
};

// A share of this machine's memory: an eighth, at least 64 MiB, at most 4 GiB.
std::uint64_t default_cache_bytes();

}  // namespace pyk
