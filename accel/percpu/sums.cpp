// SPDX-License-Identifier: GPL-2.0-or-later
#include "percpu/sums.h"

#include <cstring>

#include "base/error.h"

namespace pyk {
namespace {

std::uint64_t extended(const std::byte* raw, std::size_t size, bool is_signed) {
    std::uint64_t value = 0;
    std::memcpy(&value, raw, size);
    const unsigned unused = 64 - 8 * static_cast<unsigned>(size);
    if (!is_signed) return value;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

}  // namespace

std::vector<PerCpuSum> sum_per_cpu(const MemoryReader& memory, std::span<const KernelAddr> pointers,
                                   std::span<const std::uint64_t> offsets, std::size_t size,
                                   bool is_signed) {
    if (size != 1 && size != 2 && size != 4 && size != 8) {
        throw Error("a per-CPU counter of " + std::to_string(size) + " bytes is no integer");
    }
    std::vector<PerCpuSum> sums(pointers.size());
    std::vector<KernelAddr> copies(pointers.size());
    std::vector<std::byte> raw(pointers.size() * size);
    std::vector<std::uint8_t> readable(pointers.size());
    for (const std::uint64_t offset : offsets) {
        for (std::size_t i = 0; i < pointers.size(); ++i) {
            copies[i] = pointers[i] + offset;
            readable[i] = static_cast<bool>(pointers[i]);
        }
        memory.read_batch(copies, size, raw, readable);
        for (std::size_t i = 0; i < pointers.size(); ++i) {
            if (!readable[i]) continue;
            const std::uint64_t part = extended(raw.data() + i * size, size, is_signed);
            sums[i].sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sums[i].sum) + part);
            ++sums[i].readable;
        }
    }
    return sums;
}

}  // namespace pyk
