// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/scan.h"

#include <algorithm>
#include <condition_variable>
#include <thread>

namespace pyk {
namespace {

constexpr std::uint64_t kPagesAtOnce = 1024;
constexpr std::uint64_t kPagesInRun = 64;  // read by one call, where they lie side by side
constexpr std::chrono::milliseconds kReportEvery{100};

PageMap in_both(const PageMap& one, const PageMap& other) {
    PageMap both;
    auto at = one.ranges().begin();
    auto behind = other.ranges().begin();
    while (at != one.ranges().end() && behind != other.ranges().end()) {
        both.add(std::max(at->first, behind->first), std::min(at->end, behind->end));
        at->end < behind->end ? ++at : ++behind;
    }
    return both;
}

// Hands out pieces of the present pages in ascending order.
class Pieces {
 public:
    explicit Pieces(const PageMap& map) : ranges_(map.ranges()) {}

    std::optional<PageMap::Range> next() {
        const std::lock_guard lock(mutex_);
        while (range_ < ranges_.size()) {
            const PageMap::Range& range = ranges_[range_];
            const std::uint64_t first = std::max(range.first, at_);
            if (first >= range.end) {
                ++range_;
                continue;
            }
            at_ = std::min(range.end, first + kPagesAtOnce);
            handed_out_ += at_ - first;
            return PageMap::Range{first, at_};
        }
        return std::nullopt;
    }

    std::uint64_t handed_out() {
        const std::lock_guard lock(mutex_);
        return handed_out_;
    }

    void drop_the_rest() {
        const std::lock_guard lock(mutex_);
        range_ = ranges_.size();
    }

 private:
    std::mutex mutex_;
    const std::vector<PageMap::Range>& ranges_;
    std::size_t range_ = 0;
    std::uint64_t at_ = 0, handed_out_ = 0;
};

void visit_pieces(PhysicalReader& reader, Pieces& pieces, const VisitPage& visit) {
    const std::size_t size = reader.source().page_size;
    std::vector<std::byte> run(kPagesInRun * size);
    while (const auto piece = pieces.next()) {
        for (std::uint64_t pfn = piece->first; pfn < piece->end;) {
            const std::uint64_t wanted = std::min(kPagesInRun, piece->end - pfn);
            std::size_t count = reader.read_run(pfn, std::span(run).first(wanted * size));
            if (count == 0) {
                const std::span page = std::span(run).first(size);
                if (reader.read_uncached(pfn, page) != PageStatus::kOk) {
                    ++pfn;
                    continue;
                }
                count = 1;
            }
            for (std::size_t i = 0; i < count; ++i, ++pfn) {
                if (!visit(pfn, ByteSpan(run).subspan(i * size, size), reader)) {
                    return pieces.drop_the_rest();
                }
            }
        }
    }
}

// Threads that work through pieces; joined in any case.
class Crew {
 public:
    Crew(const std::shared_ptr<DumpSource>& source, Pieces& pieces, const VisitPage& visit)
        : pieces_(pieces) {
        const unsigned workers = std::max(1U, std::thread::hardware_concurrency());
        working_ = workers;
        for (unsigned i = 0; i < workers; ++i) {
            threads_.emplace_back(
                [this, &visit, reader = std::make_shared<PhysicalReader>(source)] {
                    visit_pieces(*reader, pieces_, visit);
                    const std::lock_guard lock(mutex_);
                    --working_;
                    changed_.notify_all();
                });
        }
    }
    ~Crew() { pieces_.drop_the_rest(); }  // and the threads join

    // True when all are done, false after a while.
    bool wait() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kReportEvery, [this] { return working_ == 0; });
    }

 private:
    Pieces& pieces_;
    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned working_ = 0;
    std::vector<std::jthread> threads_;
};

}  // namespace

void scan_pages(const std::shared_ptr<DumpSource>& source, const std::string& what,
                const Progress& progress, const VisitPage& visit, const PageMap* only) {
    const PageMap& present = source->pages.present;
    const PageMap pages = only != nullptr ? in_both(*only, present) : present;
    Pieces pieces(pages);
    Crew crew(source, pieces, visit);
    while (!crew.wait()) {
        if (progress) progress(what, pieces.handed_out(), pages.count());
    }
}

}  // namespace pyk
