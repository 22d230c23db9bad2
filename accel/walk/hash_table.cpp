// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/hash_table.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "base/bytes.h"

namespace pyk {
namespace {

// More than any table of a working kernel has; what is told by damaged memory may be any number.
constexpr std::uint64_t kMaxBuckets = 1ULL << 28;
constexpr std::uint64_t kBucketsForThread = 1ULL << 16;
constexpr std::uint64_t kBytesAtOnce = 1ULL << 16;
constexpr std::uint64_t kPage = 4096;
constexpr std::chrono::milliseconds kAskEvery{100};

// A run of buckets, walked by one thread.
class PieceWalk {
 public:
    PieceWalk(const MemoryReader& memory, const HashTable& table, std::size_t limit,
              const std::function<bool()>& interrupted)
        : memory_(memory), table_(table), limit_(limit), interrupted_(interrupted) {}

    HashWalk over(std::uint64_t bucket, std::uint64_t end) && {
        const std::uint64_t at_once = std::max<std::uint64_t>(1, kBytesAtOnce / table_.stride);
        while (bucket < end && !stopped_) {
            bucket += walk_block(bucket, std::min(end - bucket, at_once));
        }
        return std::move(walk_);
    }

 private:
    KernelAddr head_of(std::uint64_t bucket) const {
        return table_.buckets + (bucket * table_.stride + table_.head);
    }

    // Walks buckets that are read at once; returns how many are done.
    std::uint64_t walk_block(std::uint64_t bucket, std::uint64_t count) {
        raw_.resize((count - 1) * table_.stride + 8);
        const std::size_t got = memory_.read_prefix(head_of(bucket), raw_);
        const std::uint64_t whole = got < 8 ? 0 : (got - 8) / table_.stride + 1;
        for (std::uint64_t i = 0; i < whole && !stopped_; ++i) {
            walk_bucket(bucket + i, *load<std::uint64_t>(raw_, i * table_.stride));
        }
        if (stopped_ || whole == count) return count;
        return whole + pass_over(bucket + whole, count - whole);
    }

    // The buckets on the page of one that cannot be read.
    std::uint64_t pass_over(std::uint64_t bucket, std::uint64_t count) {
        const KernelAddr head = head_of(bucket);
        const std::uint64_t left = kPage - (head.value + 7) % kPage;
        const std::uint64_t on_page = std::clamp(left / table_.stride, std::uint64_t{1}, count);
        add_broken({bucket, bucket + on_page - 1, WalkEnd::kUnreadable, head});
        return on_page;
    }

    void walk_bucket(std::uint64_t bucket, std::uint64_t pointer) {
        const KernelAddr first{pointer & ~table_.chain.head_tag_mask};
        if (interrupted_()) {
            stopped_ = true;
            return add_broken({bucket, bucket, WalkEnd::kInterrupted, head_of(bucket)});
        }
        if (table_.chain.ends(first)) return;
        WalkBounds bounds(limit_ - walk_.nodes.size(), interrupted_);
        const WalkResult chain = walk_chain_from(memory_, first, table_.chain, bounds);
        walk_.nodes.insert(walk_.nodes.end(), chain.nodes.begin(), chain.nodes.end());
        walk_.buckets.resize(walk_.nodes.size(), bucket);
        if (chain.end == WalkEnd::kComplete) return;
        stopped_ = chain.end == WalkEnd::kLimit || chain.end == WalkEnd::kInterrupted;
        add_broken({bucket, bucket, chain.end, chain.stopped_at});
    }

    void add_broken(const BrokenBuckets& buckets) {
        auto& broken = walk_.broken;
        if (!broken.empty() && broken.back().end == WalkEnd::kUnreadable &&
            buckets.end == WalkEnd::kUnreadable && broken.back().last + 1 == buckets.first) {
            broken.back().last = buckets.last;
        } else {
            broken.push_back(buckets);
        }
    }

    const MemoryReader& memory_;
    const HashTable& table_;
    const std::size_t limit_;
    const std::function<bool()>& interrupted_;
    std::vector<std::byte> raw_;
    HashWalk walk_;
    bool stopped_ = false;
};

void append(HashWalk& whole, const HashWalk& piece, std::size_t limit) {
    const std::size_t room = std::min(limit - whole.nodes.size(), piece.nodes.size());
    const auto count = static_cast<std::ptrdiff_t>(room);
    whole.nodes.insert(whole.nodes.end(), piece.nodes.begin(), piece.nodes.begin() + count);
    whole.buckets.insert(whole.buckets.end(), piece.buckets.begin(), piece.buckets.begin() + count);
    whole.broken.insert(whole.broken.end(), piece.broken.begin(), piece.broken.end());
    if (room == piece.nodes.size()) return;
    const std::uint64_t bucket = piece.buckets[room];
    whole.broken.push_back({bucket, bucket, WalkEnd::kLimit, piece.nodes[room]});
}

// The pieces' walks, one a thread, while the caller's thread asks whether to go on.
HashWalk walk_in_threads(const NewReader& new_reader, const HashTable& table, WalkBounds& bounds,
                         std::uint64_t threads) {
    std::atomic<bool> stop = false;
    const std::function<bool()> is_stopped = [&stop] { return stop.load(); };
    std::vector<std::future<HashWalk>> pieces;
    for (std::uint64_t i = 0; i < threads; ++i) {
        pieces.push_back(std::async(std::launch::async, [&, i] {
            const auto reader = new_reader();
            return PieceWalk(*reader, table, bounds.limit, is_stopped)
                .over(table.count * i / threads, table.count * (i + 1) / threads);
        }));
    }
    HashWalk whole;
    for (auto& piece : pieces) {
        while (piece.wait_for(kAskEvery) != std::future_status::ready) {
            if (bounds.is_interrupted_now()) stop = true;
        }
        append(whole, piece.get(), bounds.limit);
    }
    return whole;
}

HashWalk walk_alone(const NewReader& new_reader, const HashTable& table, WalkBounds& bounds) {
    const auto reader = new_reader();
    const std::function<bool()> is_stopped = [&bounds] { return bounds.is_interrupted(); };
    return PieceWalk(*reader, table, bounds.limit, is_stopped).over(0, table.count);
}

}  // namespace

HashWalk walk_hash_table(const NewReader& new_reader, const HashTable& table, WalkBounds& bounds) {
    HashTable sane = table;
    sane.stride = std::clamp<std::uint64_t>(table.stride, 8, kPage);
    sane.count = std::min(table.count, kMaxBuckets);
    const std::uint64_t cores = std::max(1U, std::thread::hardware_concurrency());
    const std::uint64_t threads = std::min(cores, sane.count / kBucketsForThread);
    HashWalk walk = threads > 1 ? walk_in_threads(new_reader, sane, bounds, threads)
                                : walk_alone(new_reader, sane, bounds);
    if (sane.count < table.count) {
        const KernelAddr next = table.buckets + sane.count * sane.stride;
        walk.broken.push_back({sane.count, table.count - 1, WalkEnd::kLimit, next});
    }
    if (!walk.broken.empty()) {
        walk.end = walk.broken.front().end;
        walk.stopped_at = walk.broken.front().stopped_at;
    }
    return walk;
}

}  // namespace pyk
