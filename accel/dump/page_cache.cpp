// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/page_cache.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace pyk {

void PagePart::take_from(const CachedPage& page) {
    state = page.bytes ? State::kCopied : State::kUnreadable;
    if (page.bytes) std::memcpy(out, page.bytes.get() + offset, size);
}

PageCache::PageCache(std::uint64_t limit_bytes, std::uint32_t page_size) : page_size_(page_size) {
    set_limit(limit_bytes);
}

void PageCache::set_limit(std::uint64_t limit_bytes) {
    std::vector<std::unique_lock<std::mutex>> locks;
    for (Shard& shard : shards_) {
        locks.emplace_back(shard.mutex);
        shard.pages = 0;
    }
    sets_.clear();
    sets_.resize(std::max<std::size_t>(2, limit_bytes / page_size_ / kWays));
}

std::size_t PageCache::index_of(std::uint64_t pfn) const {
    // Frames that are used together often lie a power of two apart.
    // The upper half of the product says which share of the sets lies below it.
    return ((pfn * 0x9e3779b97f4a7c15) >> 32) * sets_.size() >> 32;
}

const CachedPage* PageCache::find(Set& set, std::uint64_t tag) {
    for (std::size_t way = 0; way < kWays; ++way) {
        if (set.tags[way] != tag) continue;
        set.used |= 1U << way;
        return &set.pages[way];
    }
    return nullptr;
}

std::size_t PageCache::make_room(Set& set) {
    for (std::size_t way = 0; way < kWays; ++way) {
        if (set.tags[way] == 0) return way;
    }
    while (set.used >> set.hand & 1) {
        set.used &= ~(1U << set.hand);
        set.hand = (set.hand + 1) % kWays;
    }
    return set.hand;
}

CachedPage PageCache::get(std::uint64_t pfn, const Load& load) {
    const std::uint64_t tag = pfn + 1;
    const std::size_t index = index_of(pfn);
    Shard& shard = shards_[index % kShards];
    {
        const std::lock_guard lock(shard.mutex);
        if (Set* set = sets_[index].get()) {
            if (const CachedPage* found = find(*set, tag)) {
                ++shard.hits;
                return *found;
            }
        }
        ++shard.misses;
    }
    CachedPage page = load(pfn);
    const std::lock_guard lock(shard.mutex);
    std::unique_ptr<Set>& set = sets_[index];
    if (!set) set = std::make_unique<Set>();
    if (find(*set, tag) != nullptr) return page;
    const std::size_t way = make_room(*set);
    shard.pages += (page.bytes != nullptr) - (set->pages[way].bytes != nullptr);
    set->tags[way] = tag;
    set->pages[way] = page;
    set->used |= 1U << way;
    return page;
}

std::optional<CachedPage> PageCache::find(std::uint64_t pfn) {
    const std::size_t index = index_of(pfn);
    Shard& shard = shards_[index % kShards];
    const std::lock_guard lock(shard.mutex);
    Set* const set = sets_[index].get();
    const CachedPage* const found = set == nullptr ? nullptr : find(*set, pfn + 1);
    if (found == nullptr) return std::nullopt;
    ++shard.hits;
    return *found;
}

// Each pass asks the processor for the memory that the next one will need, so that it need not wait
// for one part's after the other's.
void PageCache::copy(std::span<PagePart> parts) {
    std::array<std::unique_lock<std::mutex>, kShards> locks;
    for (std::size_t i = 0; i < kShards; ++i) locks[i] = std::unique_lock(shards_[i].mutex);
    const auto set_of = [this](const PagePart& part) { return sets_[index_of(part.pfn)].get(); };
    for (const PagePart& part : parts) {
        if (const Set* set = set_of(part)) {
            __builtin_prefetch(&set->tags);
            __builtin_prefetch(&set->pages);
            __builtin_prefetch(&set->pages[kWays / 2]);
        }
    }
    std::vector<const CachedPage*> found(parts.size(), nullptr);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (Set* set = set_of(parts[i])) found[i] = find(*set, parts[i].pfn + 1);
        if (found[i] && found[i]->bytes) {
            __builtin_prefetch(found[i]->bytes.get() + parts[i].offset);
        }
    }
    std::uint64_t hits = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!found[i] || parts[i].state != PagePart::State::kMissing) continue;
        parts[i].take_from(*found[i]);
        ++hits;
    }
    shards_[0].hits += hits;
}

PageCache::Stats PageCache::stats() const {
    Stats sum;
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        sum.hits += shard.hits;
        sum.misses += shard.misses;
        sum.pages += shard.pages;
    }
    sum.bytes = sum.pages * page_size_;
    sum.limit_bytes = sets_.size() * kWays * page_size_;
    return sum;
}

std::uint64_t default_cache_bytes() {
    const auto pages = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
    const std::uint64_t memory = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return std::clamp<std::uint64_t>(memory / 8, 64ULL << 20, 4ULL << 30);
}

}  // namespace pyk
