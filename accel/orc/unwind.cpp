// SPDX-License-Identifier: GPL-2.0-or-later
#include "orc/unwind.h"

#include <algorithm>
#include <cstdio>

#include "arch/x86_64.h"

namespace pyk {
namespace {

using namespace x86;

constexpr std::size_t kMaxFrames = 1024;
constexpr std::uint64_t kMaxStack = 1 << 15;  // THREAD_SIZE and IRQ_STACK_SIZE, with KASAN too
constexpr std::size_t kPtRegsWords = std::size(kPtRegs);

std::string hex(std::uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(value));
    return text;
}

// One walk up a stack.
class Walk {
 public:
    Walk(const OrcUnwinder& unwinder, const MemoryReader& memory, const RegisterSet& regs,
         bool exact)
        : unwinder_(unwinder), memory_(memory), regs_(regs), exact_(exact) {}

    Stack run() {
        if (!regs_.values[kRip] || !regs_.values[kRsp])
            return damaged("its registers are not known");
        add({.kind = is_user(regs_) ? FrameKind::kUser : FrameKind::kTop});
        while (stack_.frames.back().kind != FrameKind::kUser && step()) {
        }
        return std::move(stack_);
    }

 private:
    static bool is_user(const RegisterSet& regs) {
        return is_user_mode(regs.values[kCs].value_or(0));
    }

    void add(StackFrame frame) {
        frame.ip = {*regs_.values[kRip]};
        frame.sp = {*regs_.values[kRsp]};
        frame.is_reliable = !guessed_;
        frame.is_exact = is_exact();
        stack_.frames.push_back(frame);
    }

    Stack damaged(std::string reason) {
        stack_.end = StackEnd::kDamaged;
        stack_.reason = std::move(reason);
        return std::move(stack_);
    }
    bool stop(std::string reason) {
        stack_.end = StackEnd::kDamaged;
        stack_.reason = std::move(reason);
        return false;
    }

    bool is_exact() const { return exact_ || *regs_.values[kRip] == unwinder_.fork_return().value; }

    // A return address behind a call that never returns may belong to the next function.
    KernelAddr lookup_addr() const {
        const KernelAddr ip{*regs_.values[kRip]};
        return is_exact() ? ip : ip - 1;
    }

    // False at the end of the stack.
    bool step() {
        const KernelAddr at = lookup_addr();
        const OrcTable* table = unwinder_.table_of(at);
        if (stack_.frames.size() >= kMaxFrames) return stop("it has too many frames; a loop?");
        if (table == nullptr) return leave_unknown_code();
        const auto entry = table->find(at);
        if (!entry || entry->type == OrcType::kUndefined) {
            return stop("the unwind tables do not say how " + hex(at.value) + " was called");
        }
        if (entry->type == OrcType::kEndOfStack) return false;
        const auto cfa = find_cfa(*entry);
        if (!cfa) return false;
        return entry->type == OrcType::kCall ? return_from_call(*entry, *cfa)
                                             : return_from_interrupt(*entry, *cfa);
    }

    std::optional<std::uint64_t> word(std::uint64_t addr) {
        const auto value = memory_.read<std::uint64_t>({addr});
        if (!value)
            stop("the stack at " + hex(addr) +
                 " cannot be read: " + memory_.why_unreadable({addr}));
        return value;
    }

    std::optional<std::uint64_t> known(Reg reg) {
        if (!regs_.values[reg]) stop("a register that unwinding needs is not known any more");
        return regs_.values[reg];
    }

    std::optional<std::uint64_t> find_cfa(const OrcEntry& entry) {
        const auto plus = [&](std::optional<std::uint64_t> base) {
            if (base) *base += static_cast<std::uint64_t>(std::int64_t{entry.sp_offset});
            return base;
        };
        const auto at = [&](std::optional<std::uint64_t> addr) {
            return addr ? word(*addr) : addr;
        };
        switch (entry.sp_reg) {
            case OrcReg::kSp:
                return plus(known(kRsp));
            case OrcReg::kBp:
                return plus(known(kRbp));
            case OrcReg::kSpIndirect:
                // v5.12 87ccc826bf1c ("x86/unwind/orc: Change REG_SP_INDIRECT"): from then on it is
                // used where calls switch stacks, before it was in interrupts' code alone.
                return entry.type == OrcType::kCall ? plus(at(known(kRsp))) : at(plus(known(kRsp)));
            case OrcReg::kBpIndirect:
                return at(plus(known(kRbp)));
            case OrcReg::kR10:
                return known(kR10);
            case OrcReg::kR13:
                return known(kR13);
            case OrcReg::kDi:
                return known(kRdi);
            case OrcReg::kDx:
                return known(kRdx);
            case OrcReg::kAx:
                return known(kRax);
            default:
                stop("the unwind tables have no stack pointer there");
                return std::nullopt;
        }
    }

    // bp of the frame above; not known when its place cannot be read.
    std::optional<std::uint64_t> find_bp(const OrcEntry& entry, std::uint64_t cfa) const {
        const auto offset = static_cast<std::uint64_t>(std::int64_t{entry.bp_offset});
        if (entry.bp_reg == OrcReg::kPrevSp) return memory_.read<std::uint64_t>({cfa + offset});
        if (entry.bp_reg == OrcReg::kBp && regs_.values[kRbp]) {
            return memory_.read<std::uint64_t>({*regs_.values[kRbp] + offset});
        }
        return regs_.values[kRbp];
    }

    bool return_from_call(const OrcEntry& entry, std::uint64_t cfa) {
        const auto ip = word(cfa - 8);
        if (!ip) return false;
        if (*ip == 0) return stop("there is no return address at " + hex(cfa - 8));
        RegisterSet above;
        above.values[kRip] = *ip;
        above.values[kRsp] = cfa;
        above.values[kRbp] = find_bp(entry, cfa);
        return go_up(above, {}, entry.signal);
    }

    // Code that was generated has no tables. A call through a bad pointer left its return address
    // on the stack; else, as BPF does, it may keep a frame pointer.
    bool leave_unknown_code() {
        const std::uint64_t ip = *regs_.values[kRip], sp = *regs_.values[kRsp];
        const OrcEntry of_bad_call{.sp_offset = 8, .sp_reg = OrcReg::kSp, .type = OrcType::kCall};
        if (exact_ && ip == 0) {
            const auto cfa = find_cfa(of_bad_call);
            return cfa && return_from_call(of_bad_call, *cfa);
        }
        const OrcEntry of_bpf{.sp_offset = 16,
                              .bp_offset = -16,
                              .sp_reg = OrcReg::kBp,
                              .bp_reg = OrcReg::kPrevSp,
                              .type = OrcType::kCall};
        const std::uint64_t bp = regs_.values[kRbp].value_or(0);
        if (exact_ && returns_to_code(sp)) return guess(of_bad_call, sp + 8);
        if (bp >= sp && bp - sp < kMaxStack && returns_to_code(bp + 8))
            return guess(of_bpf, bp + 16);
        return stop(hex(ip) + " is not in the kernel's code nor a module's");
    }

    bool returns_to_code(std::uint64_t at) const {
        const auto ip = memory_.read<std::uint64_t>({at});
        const OrcTable* table = ip ? unwinder_.table_of(KernelAddr{*ip} - 1) : nullptr;
        const auto entry = table == nullptr ? std::nullopt : table->find(KernelAddr{*ip} - 1);
        return entry && entry->type == OrcType::kCall;
    }

    bool guess(const OrcEntry& entry, std::uint64_t cfa) {
        guessed_ = true;
        return return_from_call(entry, cfa);
    }

    // The processor pushed five words; the entry code saved the rest below them, sooner or later.
    bool return_from_interrupt(const OrcEntry& entry, std::uint64_t cfa) {
        const bool whole = entry.type == OrcType::kRegs;
        const std::size_t first = whole ? 0 : kPtRegsIret;
        // Until the entry code has saved them, registers are those of what it interrupted.
        RegisterSet above = whole ? RegisterSet{} : regs_;
        if (!whole) above.values[kRbp] = find_bp(entry, cfa);
        for (std::size_t i = first; i < kPtRegsWords; ++i) {
            const auto value = word(cfa + (i - first) * 8);
            if (!value) return false;
            if (kPtRegs[i] != kNotARegister)
                above.values[static_cast<std::size_t>(kPtRegs[i])] = *value;
        }
        const FrameKind kind = is_user(above) ? FrameKind::kUser : FrameKind::kRegs;
        return go_up(above, {.kind = kind, .regs = {cfa - first * 8}, .regs_are_whole = whole},
                     entry.signal);
    }

    bool go_up(const RegisterSet& above, const StackFrame& frame, bool exact) {
        const FrameKind kind = frame.kind;
        const std::uint64_t sp = *above.values[kRsp];
        // A call always frees stack. An interrupt may lead to another stack, but never twice to one
        // place.
        const bool forward =
            kind == FrameKind::kCall ? sp > *regs_.values[kRsp] || left_stack(sp) : true;
        if (kind != FrameKind::kUser && (!forward || was_at(sp, *above.values[kRip]))) {
            return stop("the frame at " + hex(sp) + " would lead back; a loop");
        }
        regs_ = above;
        exact_ = exact;
        add(frame);
        return true;
    }

    // Stacks lie far apart.
    bool left_stack(std::uint64_t sp) const {
        const std::uint64_t here = *regs_.values[kRsp];
        return (sp > here ? sp - here : here - sp) > (1 << 13);
    }

    bool was_at(std::uint64_t sp, std::uint64_t ip) const {
        return std::ranges::any_of(stack_.frames, [&](const StackFrame& frame) {
            return frame.sp.value == sp && frame.ip.value == ip;
        });
    }

    const OrcUnwinder& unwinder_;
    const MemoryReader& memory_;
    RegisterSet regs_;
    bool exact_;
    bool guessed_ = false;
    Stack stack_;
};

}  // namespace

void OrcUnwinder::add(OrcTable table) {
    std::erase_if(tables_, [&](const OrcTable& old) { return old.name() == table.name(); });
    tables_.push_back(std::move(table));
    std::ranges::sort(tables_, {}, &OrcTable::text);
}

const OrcTable* OrcUnwinder::table_named(std::string_view name) const {
    const auto found = std::ranges::find(tables_, name, &OrcTable::name);
    return found == tables_.end() ? nullptr : &*found;
}

const OrcTable* OrcUnwinder::table_of(KernelAddr addr) const {
    const auto behind = std::ranges::upper_bound(tables_, addr, {}, &OrcTable::text);
    if (behind == tables_.begin()) return nullptr;
    const OrcTable& table = *std::prev(behind);
    return table.covers(addr) ? &table : nullptr;
}

Stack OrcUnwinder::unwind(const MemoryReader& memory, const RegisterSet& regs, bool exact) const {
    return Walk(*this, memory, regs, exact).run();
}

}  // namespace pyk
