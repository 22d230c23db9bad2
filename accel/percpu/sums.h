// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <vector>

#include "base/address.h"
#include "dump/memory_reader.h"

namespace pyk {

// A counter's parts on all CPUs, added up.
struct PerCpuSum {
    std::int64_t sum = 0;      // wraps, as the kernel's own does
    std::size_t readable = 0;  // on how many CPUs
};

// Sums of per-CPU integers of `size` bytes: of each pointer, its copies at the CPUs' offsets. A
// NULL pointer has no copies.
std::vector<PerCpuSum> sum_per_cpu(const MemoryReader& memory, std::span<const KernelAddr> pointers,
                                   std::span<const std::uint64_t> offsets, std::size_t size,
                                   bool is_signed);

}  // namespace pyk
