// SPDX-License-Identifier: GPL-2.0-or-later
// Work on many things of one kind, cut into a piece a core.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <thread>
#include <vector>

#include "walk/walk.h"

namespace pyk {

// Makes a reader for one more thread.
using NewReader = std::function<std::unique_ptr<MemoryReader>()>;

// Results of `work(reader, first, end, bounds)` for consecutive pieces of 0..count, in order. Fewer
// than twice `for_thread` things are one piece, in the caller's thread. With more threads than that
// one it is the caller's that asks whether to go on, for all.
template <typename Work>
auto in_pieces(const NewReader& new_reader, std::uint64_t count, std::uint64_t for_thread,
               WalkBounds& bounds, const Work& work) {
    using Result = decltype(work(*new_reader(), count, count, bounds));
    constexpr std::chrono::milliseconds kAskEvery{100};
    const std::uint64_t cores = std::max(1U, std::thread::hardware_concurrency());
    const std::uint64_t threads = std::min(cores, count / for_thread);
    std::vector<Result> results;
    if (threads < 2) {
        results.push_back(work(*new_reader(), 0, count, bounds));
        return results;
    }
    std::atomic<bool> stop = false;
    std::vector<std::future<Result>> pieces;
    for (std::uint64_t i = 0; i < threads; ++i) {
        pieces.push_back(std::async(std::launch::async, [&, i] {
            WalkBounds own(bounds.limit, [&stop] { return stop.load(); });
            return work(*new_reader(), count * i / threads, count * (i + 1) / threads, own);
        }));
    }
    for (auto& piece : pieces) {
        while (piece.wait_for(kAskEvery) != std::future_status::ready) {
            if (bounds.is_interrupted_now()) stop = true;
        }
        results.push_back(piece.get());
    }
    return results;
}

// What all pieces found, in their order.
template <typename One>
std::vector<One> joined(std::vector<std::vector<One>> pieces) {
    std::vector<One> all = std::move(pieces.front());
    for (std::size_t i = 1; i < pieces.size(); ++i) {
        std::move(pieces[i].begin(), pieces[i].end(), std::back_inserter(all));
    }
    return all;
}

}  // namespace pyk
