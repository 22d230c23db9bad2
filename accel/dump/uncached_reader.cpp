// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/uncached_reader.h"

#include <algorithm>
#include <cstring>

namespace pyk {

UncachedReader::UncachedReader(const DumpReader& reader)
    : reader_(reader), page_(reader.physical().source().page_size) {}

std::size_t UncachedReader::read_prefix(KernelAddr addr, std::span<std::byte> out) const {
    std::size_t done = 0;
    while (done < out.size()) {
        const Translation found = reader_.translate(addr + done);
        const Mapping* mapping = std::get_if<Mapping>(&found);
        if (mapping == nullptr) break;
        const std::uint64_t phys = mapping->phys.value;
        const PageStatus status = reader_.physical().read_uncached(phys / page_.size(), page_);
        if (status != PageStatus::kOk) break;
        const std::size_t offset = phys % page_.size();
        const std::size_t part = std::min(out.size() - done, page_.size() - offset);
        std::memcpy(out.data() + done, page_.data() + offset, part);
        done += part;
    }
    return done;
}

}  // namespace pyk
