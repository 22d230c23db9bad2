// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/page_cache.h"

#include <unistd.h>

#include <algorithm>

namespace pyk {

PageCache::PageCache(std::uint64_t limit_bytes, std::uint32_t page_size) : page_size_(page_size) {
    set_limit(limit_bytes);
}

void PageCache::set_limit(std::uint64_t limit_bytes) {
    pages_per_shard_ = std::max<std::size_t>(16, limit_bytes / page_size_ / kShards);
    for (Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        trim(shard, pages_per_shard_);
    }
}

void PageCache::trim(Shard& shard, std::size_t limit) {
    while (shard.by_use.size() > limit) {
        shard.by_pfn.erase(shard.by_use.back().pfn);
        shard.by_use.pop_back();
    }
}

CachedPage PageCache::get(std::uint64_t pfn, const Load& load) {
    Shard& shard = shard_of(pfn);
    {
        const std::lock_guard lock(shard.mutex);
        const auto found = shard.by_pfn.find(pfn);
        if (found != shard.by_pfn.end()) {
            ++shard.hits;
            shard.by_use.splice(shard.by_use.begin(), shard.by_use, found->second);
            return found->second->page;
        }
        ++shard.misses;
    }
    CachedPage page = load(pfn);
    const std::lock_guard lock(shard.mutex);
    if (!shard.by_pfn.contains(pfn)) {
        shard.by_use.push_front({pfn, page});
        shard.by_pfn.emplace(pfn, shard.by_use.begin());
        trim(shard, pages_per_shard_);
    }
    return page;
}

PageCache::Stats PageCache::stats() const {
    Stats sum;
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        sum.hits += shard.hits;
        sum.misses += shard.misses;
        for (const Entry& entry : shard.by_use) sum.pages += entry.page.bytes != nullptr;
    }
    sum.bytes = sum.pages * page_size_;
    sum.limit_bytes = pages_per_shard_ * kShards * page_size_;
    return sum;
}

std::uint64_t default_cache_bytes() {
    const auto pages = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
    const std::uint64_t memory = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return std::clamp<std::uint64_t>(memory / 8, 64ULL << 20, 4ULL << 30);
}

}  // namespace pyk
