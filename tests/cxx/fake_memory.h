// SPDX-License-Identifier: GPL-2.0-or-later
// Memory that holds only what a test plants; all else is unreadable.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "dump/memory_reader.h"

namespace pyk {

class FakeMemory : public MemoryReader {
 public:
    void plant(std::uint64_t addr, ByteSpan bytes) { plant_in(kernel_, addr, bytes); }
    void plant(std::uint64_t addr, std::string_view text) { plant(addr, as_bytes(text)); }

    void plant_pointer(std::uint64_t addr, std::uint64_t value) {
        plant(addr, std::as_bytes(std::span(&value, 1)));
    }

    void plant_user(std::uint64_t pgd, std::uint64_t addr, std::string_view text) {
        plant_in(users_[pgd], addr, as_bytes(text));
    }

    // Makes bytes that were planted unreadable again.
    void make_hole(std::uint64_t addr, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i) kernel_.erase(addr + i);
    }

    // Plants list_head.next pointers: each node leads to the one behind it in `nodes`.
    void link(std::initializer_list<std::uint64_t> nodes) {
        const std::vector<std::uint64_t> chain(nodes);
        for (std::size_t i = 1; i < chain.size(); ++i) plant_pointer(chain[i - 1], chain[i]);
    }

    std::size_t read_prefix(KernelAddr addr, std::span<std::byte> out) const override {
        return read_in(kernel_, addr, out);
    }

    std::size_t read_user_prefix(KernelAddr pgd, KernelAddr addr,
                                 std::span<std::byte> out) const override {
        const auto user = users_.find(pgd.value);
        return user == users_.end() ? 0 : read_in(user->second, addr, out);
    }

    std::string why_unreadable(KernelAddr) const override { return "not planted"; }

 private:
    using Bytes = std::unordered_map<std::uint64_t, std::byte>;

    static void plant_in(Bytes& bytes, std::uint64_t addr, ByteSpan planted) {
        for (const std::byte byte : planted) bytes[addr++] = byte;
    }

    static std::size_t read_in(const Bytes& bytes, KernelAddr addr, std::span<std::byte> out) {
        std::size_t count = 0;
        for (; count < out.size(); ++count) {
            const auto found = bytes.find(addr.value + count);
            if (found == bytes.end()) break;
            out[count] = found->second;
        }
        return count;
    }

    Bytes kernel_;
    std::map<std::uint64_t, Bytes> users_;
};

// The same memory for every thread of a walk.
class SharedMemory final : public MemoryReader {
 public:
    explicit SharedMemory(const FakeMemory& memory) : memory_(memory) {}
    std::size_t read_prefix(KernelAddr addr, std::span<std::byte> out) const override {
        return memory_.read_prefix(addr, out);
    }
    std::size_t read_user_prefix(KernelAddr, KernelAddr, std::span<std::byte>) const override {
        return 0;
    }
    std::string why_unreadable(KernelAddr addr) const override {
        return memory_.why_unreadable(addr);
    }

 private:
    const FakeMemory& memory_;
};

inline auto new_reader(const FakeMemory& memory) {
    return [&memory] { return std::make_unique<SharedMemory>(memory); };
}

}  // namespace pyk
