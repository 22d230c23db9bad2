// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/page_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace pyk {
namespace {

constexpr std::size_t kBlock = 2 << 20;  // a huge page of x86_64, and of aarch64 with 4 KiB pages

bool is_zero(std::span<const std::byte> page) {
    // What is equal to itself moved on by one byte is all the same byte.
    return page[0] == std::byte{0} && std::memcmp(page.data(), &page[1], page.size() - 1) == 0;
}

}  // namespace

void PagePool::Free::operator()(std::byte* block) const {
    std::free(block);
}

PagePool::PagePool(std::uint32_t page_size)
    : page_size_(page_size), zeros_(std::make_shared<std::byte[]>(page_size)) {}

PagePool::Page PagePool::keep(std::span<const std::byte> page) {
    if (is_zero(page)) return zeros_;
    std::byte* const bytes = take();
    std::memcpy(bytes, page.data(), page_size_);
    return {bytes, [this](std::byte* unused) { give_back(unused); }};
}

std::byte* PagePool::take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
        const std::size_t size = std::max<std::size_t>(kBlock, page_size_);
        std::byte* const block = static_cast<std::byte*>(std::aligned_alloc(kBlock, size));
        if (block == nullptr) throw std::bad_alloc();
        blocks_.emplace_back(block);
        ::madvise(block, size, MADV_HUGEPAGE);  // the system may not have them: no loss
        for (std::size_t at = size; at >= page_size_; at -= page_size_) {
            free_.push_back(block + at - page_size_);
        }
    }
    std::byte* const page = free_.back();
    free_.pop_back();
    return page;
}

void PagePool::give_back(std::byte* page) {
    const std::lock_guard lock(mutex_);
    free_.push_back(page);
}

}  // namespace pyk
