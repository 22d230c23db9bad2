// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "dump/progress.h"
#include "dump/source.h"

namespace pyk {

// Called with each page in the dump, from several threads at once, and the reader of the thread;
// false ends the scan.
using VisitPage = std::function<bool(std::uint64_t pfn, ByteSpan page, PhysicalReader& reader)>;

// Reads all pages of the dump, or those of `only`, on all cores. Pages that cannot be read are
// passed over. `progress` runs in the calling thread only; when it throws, the scan ends and the
// exception goes on.
void scan_pages(const std::shared_ptr<DumpSource>& source, const std::string& what,
                const Progress& progress, const VisitPage& visit, const PageMap* only = nullptr);

}  // namespace pyk
