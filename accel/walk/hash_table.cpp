// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/hash_table.h"

#include <algorithm>

#include "base/bytes.h"

namespace pyk {
namespace {

// More than any table of a working kernel has; what is told by damaged memory may be any number.
constexpr std::uint64_t kMaxBuckets = 1ULL << 28;
constexpr std::uint64_t kMaxBytes = 8 * kMaxBuckets;
constexpr std::uint64_t kBucketsForThread = 1ULL << 16;
constexpr std::uint64_t kBytesAtOnce = 1ULL << 16;
constexpr std::uint64_t kPage = 4096;

// A run of buckets, walked by one thread.
class PieceWalk {
 public:
    PieceWalk(const MemoryReader& memory, const HashTable& table, WalkBounds& bounds)
        : memory_(memory), table_(table), bounds_(bounds) {}

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
        if (bounds_.is_interrupted()) {
            stopped_ = true;
            return add_broken({bucket, bucket, WalkEnd::kInterrupted, head_of(bucket)});
        }
        if (table_.chain.ends(first)) return;
        WalkBounds bounds(bounds_.limit - walk_.nodes.size(),
                          [this] { return bounds_.is_interrupted_now(); });
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
    WalkBounds& bounds_;
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

}  // namespace

HashWalk walk_hash_table(const NewReader& new_reader, const HashTable& table, WalkBounds& bounds) {
    HashTable sane = table;
    sane.stride = std::clamp<std::uint64_t>(table.stride, 8, kPage);
    sane.count = std::min(table.count, kMaxBytes / sane.stride);
    const auto walk_piece = [&sane](const MemoryReader& memory, std::uint64_t first,
                                    std::uint64_t end, WalkBounds& own) {
        return PieceWalk(memory, sane, own).over(first, end);
    };
    HashWalk walk;
    for (const HashWalk& piece :
         in_pieces(new_reader, sane.count, kBucketsForThread, bounds, walk_piece)) {
        append(walk, piece, bounds.limit);
    }
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
