// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/thread_table.h"

#include <utility>

namespace pyk {

std::size_t ThreadTable::add(std::vector<Thread> threads) {
    const std::lock_guard lock(mutex_);
    const std::size_t before = threads_.size();
    for (Thread& thread : threads) {
        if (thread.tid <= 0 || !index_by_tid_.emplace(thread.tid, threads_.size()).second) continue;
        threads_.push_back(std::move(thread));
    }
    return threads_.size() - before;
}

bool ThreadTable::contains(int tid) const {
    const std::lock_guard lock(mutex_);
    return index_by_tid_.contains(tid);
}

std::optional<Thread> ThreadTable::find(int tid) const {
    const std::lock_guard lock(mutex_);
    const auto found = index_by_tid_.find(tid);
    if (found == index_by_tid_.end()) return std::nullopt;
    return threads_[found->second];
}

std::vector<Thread> ThreadTable::all() const {
    const std::lock_guard lock(mutex_);
    return threads_;
}

std::size_t ThreadTable::size() const {
    const std::lock_guard lock(mutex_);
    return threads_.size();
}

void ThreadTable::set_selected(int tid) {
    const std::lock_guard lock(mutex_);
    selected_ = tid;
}

int ThreadTable::selected() const {
    const std::lock_guard lock(mutex_);
    if (index_by_tid_.contains(selected_)) return selected_;
    return threads_.empty() ? 0 : threads_.front().tid;
}

}  // namespace pyk
