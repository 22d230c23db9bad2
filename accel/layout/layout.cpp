// SPDX-License-Identifier: GPL-2.0-or-later
#include "layout/layout.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/error.h"

namespace pyk {
namespace {

constexpr std::uint32_t kMaxFieldSize = 1 << 20;
constexpr std::uint32_t kMaxChunk = 256;  // bytes
constexpr std::size_t kBlockBytes = 1 << 18;
constexpr std::size_t kMaxBlockRows = 1 << 15;
constexpr std::size_t kMaxString = 4096;
constexpr std::size_t kStringStep = 64;
constexpr std::uint64_t kSmallestPage = 4096;

bool has_integer_size(const Field& field) {
    return field.size == 1 || field.size == 2 || field.size == 4 || field.size == 8;
}

void check(const Field& field) {
    const bool integer = field.kind == FieldKind::kUnsigned || field.kind == FieldKind::kSigned ||
                         field.kind == FieldKind::kBool;
    if (field.size == 0 || field.size > kMaxFieldSize || (integer && !has_integer_size(field)) ||
        (field.kind == FieldKind::kBool && field.size != 1) ||
        (field.kind == FieldKind::kString && field.size != 8)) {
        throw Error("field " + field.name + " has a size of " + std::to_string(field.size) +
                    " bytes, which its kind cannot have");
    }
    const bool fits = field.shift < 8 && field.width <= 8 * field.size && field.span() <= 8;
    if (field.width != 0 && (!integer || !fits)) {
        throw Error("bitfield " + field.name + " has " + std::to_string(field.width) +
                    " bits, which do not fit its type");
    }
}

// A value as the column keeps it.
void store(const Field& field, const std::byte* from, std::byte* to) {
    if (field.width == 0) {
        std::memcpy(to, from, field.size);
        return;
    }
    std::uint64_t bits = 0;
    std::memcpy(&bits, from, field.span());
    const unsigned unused = 64 - field.width;
    bits = bits >> field.shift << unused;
    bits = field.kind == FieldKind::kSigned
               ? static_cast<std::uint64_t>(static_cast<std::int64_t>(bits) >> unused)
               : bits >> unused;
    std::memcpy(to, &bits, field.size);
}

// The text at `addr` up to its NUL (or kMaxString); nothing when it cannot be read so far.
std::optional<std::string> read_string(const MemoryReader& memory, KernelAddr addr) {
    std::string text;
    while (text.size() < kMaxString) {
        char part[kStringStep];
        const auto raw = std::as_writable_bytes(std::span(part));
        const std::size_t got = memory.read_prefix(addr + text.size(), raw);
        const std::size_t length = std::find(part, part + got, '\0') - part;
        text.append(part, length);
        if (length < got) return text;
        if (got < kStringStep) return std::nullopt;
    }
    return text;
}

// Within a page all bytes can be read, or none.
bool lies_across_pages(KernelAddr addr, std::uint64_t size) {
    return addr.value % kSmallestPage + size > kSmallestPage;
}

}  // namespace

Layout::Layout(std::vector<Field> fields) : fields_(std::move(fields)) {
    std::ranges::for_each(fields_, check);
    std::vector<std::size_t> order(fields_.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [this](std::size_t i) { return fields_[i].offset; });
    for (const std::size_t index : order) add_to_chunk(index, find_place(fields_[index]));
}

std::size_t Layout::find_place(const Field& field) {
    std::size_t place = 0;
    for (const std::uint64_t offset : field.pointers) {
        const auto is_it = [&](const Place& other) {
            return &other != &places_[0] && other.parent == place && other.offset == offset;
        };
        const auto found = std::ranges::find_if(places_, is_it);
        const auto index = static_cast<std::size_t>(found - places_.begin());
        if (found == places_.end()) places_.push_back({place, offset});
        place = index;
    }
    return place;
}

// Fields come in the order of their offsets.
void Layout::add_to_chunk(std::size_t index, std::size_t place) {
    const Field& field = fields_[index];
    for (Chunk& chunk : chunks_) {
        const std::uint64_t end = field.offset + field.span();
        if (chunk.place != place || end < field.offset || end - chunk.offset > kMaxChunk) continue;
        chunk.size = std::max<std::uint32_t>(chunk.size, end - chunk.offset);
        chunk.fields.push_back(index);
        return;
    }
    chunks_.push_back({place, field.offset, field.span(), {index}});
}

// One call of read_many(): block after block of structs.
class Layout::Reading {
 public:
    Reading(const Layout& layout, const MemoryReader& memory, std::span<const KernelAddr> structs)
        : layout_(layout), memory_(memory), structs_(structs), places_(layout.places_.size()) {
        result_.rows = structs.size();
        for (const Field& field : layout.fields_) {
            Column& column = result_.columns.emplace_back();
            if (field.kind == FieldKind::kString) {
                column.ends.reserve(structs.size());
            } else {
                column.bytes.resize(structs.size() * field.size);
            }
        }
    }

    void read_block(std::size_t first, std::size_t count) {
        first_ = first;
        const auto block = structs_.subspan(first, count);
        places_[0].addrs.assign(block.begin(), block.end());
        places_[0].faults.assign(count, std::nullopt);
        for (std::size_t i = 1; i < places_.size(); ++i) follow(i);
        for (const Chunk& chunk : layout_.chunks_) read_chunk(chunk);
    }

    Columns take() && { return std::move(result_); }

 private:
    // Where the structs of a block lie, or why that is not known.
    struct PlaceState {
        std::vector<KernelAddr> addrs;
        std::vector<std::optional<KernelAddr>> faults;
    };

    // `size` bytes at `offset` in each of a place's structs, into raw_ and readable_.
    void read(const PlaceState& place, std::uint64_t offset, std::size_t size) {
        addrs_.clear();
        for (const KernelAddr addr : place.addrs) addrs_.push_back(addr + offset);
        readable_.clear();
        for (const auto& fault : place.faults) readable_.push_back(!fault);
        raw_.resize(addrs_.size() * size);
        memory_.read_batch(addrs_, size, raw_, readable_);
    }

    void follow(std::size_t index) {
        const Place& place = layout_.places_[index];
        const PlaceState& parent = places_[place.parent];
        PlaceState& state = places_[index];
        read(parent, place.offset, 8);
        state.faults = parent.faults;
        state.addrs.assign(parent.addrs.size(), {});
        for (std::size_t i = 0; i < state.addrs.size(); ++i) {
            if (state.faults[i]) continue;
            if (readable_[i]) std::memcpy(&state.addrs[i].value, raw_.data() + i * 8, 8);
            if (!readable_[i] || !state.addrs[i]) {
                state.faults[i] = readable_[i] ? KernelAddr{} : addrs_[i];
            }
        }
    }

    void read_chunk(const Chunk& chunk) {
        const PlaceState& place = places_[chunk.place];
        read(place, chunk.offset, chunk.size);
        for (const std::size_t index : chunk.fields) {
            const Field& field = layout_.fields_[index];
            const std::uint64_t at = field.offset - chunk.offset;
            for (std::size_t i = 0; i < place.addrs.size(); ++i) {
                if (readable_[i]) {
                    put(index, i, raw_.data() + i * chunk.size + at);
                } else {
                    put_alone(index, i, place, lies_across_pages(addrs_[i], chunk.size));
                }
            }
        }
    }

    void put(std::size_t index, std::size_t i, const std::byte* from) {
        const Field& field = layout_.fields_[index];
        Column& column = result_.columns[index];
        if (field.kind != FieldKind::kString) {
            return store(field, from, column.bytes.data() + (first_ + i) * field.size);
        }
        KernelAddr addr;
        std::memcpy(&addr.value, from, 8);
        const auto text = addr ? read_string(memory_, addr) : std::nullopt;
        if (!text) column.faults.push_back({first_ + i, addr});
        const ByteSpan bytes = text ? as_bytes(*text) : ByteSpan();
        column.bytes.insert(column.bytes.end(), bytes.begin(), bytes.end());
        column.ends.push_back(column.bytes.size());
    }

    // A field of a chunk that could not be read as a whole.
    void put_alone(std::size_t index, std::size_t i, const PlaceState& place, bool is_worth_a_try) {
        const Field& field = layout_.fields_[index];
        Column& column = result_.columns[index];
        const KernelAddr addr = place.addrs[i] + field.offset;
        alone_.resize(field.span());
        if (!place.faults[i] && is_worth_a_try && memory_.read_exactly(addr, alone_)) {
            return put(index, i, alone_.data());
        }
        column.faults.push_back({first_ + i, place.faults[i].value_or(addr)});
        if (field.kind == FieldKind::kString) column.ends.push_back(column.bytes.size());
    }

    const Layout& layout_;
    const MemoryReader& memory_;
    const std::span<const KernelAddr> structs_;
    std::vector<PlaceState> places_;
    std::size_t first_ = 0;  // row of the block
    std::vector<KernelAddr> addrs_;
    std::vector<std::byte> raw_, alone_;
    std::vector<std::uint8_t> readable_;
    Columns result_;
};

Columns Layout::read_many(const MemoryReader& memory, std::span<const KernelAddr> structs,
                          const std::function<bool()>& interrupted) const {
    std::uint32_t widest = 8;
    for (const Chunk& chunk : chunks_) widest = std::max(widest, chunk.size);
    const std::size_t block = std::clamp<std::size_t>(kBlockBytes / widest, 16, kMaxBlockRows);
    Reading reading(*this, memory, structs);
    for (std::size_t first = 0; first < structs.size(); first += block) {
        if (interrupted && interrupted()) {
            throw Interrupted("interrupted after reading " + std::to_string(first) + " of " +
                              std::to_string(structs.size()) + " structs");
        }
        reading.read_block(first, std::min(block, structs.size() - first));
    }
    return std::move(reading).take();
}

}  // namespace pyk
