// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace pyk {

// Memory for the pages that a cache keeps, for all threads. It is taken from the system in huge
// pages: a fault for each page would cost more than to decompress it.
class PagePool {
 public:
    using Page = std::shared_ptr<const std::byte[]>;

    explicit PagePool(std::uint32_t page_size);

    // A copy of `page`, which must be given back before the pool ends. Pages of zeros, which are
    // most of a dump that was not filtered, share one copy.
    Page keep(std::span<const std::byte> page);

 private:
    struct Free {
        void operator()(std::byte* block) const;
    };

    std::byte* take();
    void give_back(std::byte* page);

    const std::uint32_t page_size_;
    const Page zeros_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<std::byte, Free>> blocks_;
    std::vector<std::byte*> free_;
};

}  // namespace pyk
