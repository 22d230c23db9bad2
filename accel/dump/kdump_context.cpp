// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/kdump_context.h"

#include <libkdumpfile/kdumpfile.h>

#include <utility>

#include "base/error.h"

namespace pyk {
namespace {

constexpr std::uint64_t kLibraryCachePages = 8;

}  // namespace

// No context is freed: libkdumpfile 0.5.1 then writes to attributes that it freed already, and
// always so after it refused a file. What stays is a few MiB.
KdumpContext::KdumpContext(const std::vector<int>& fds, const Architecture& arch,
                           const std::string& name)
    : ctx_(kdump_new()) {
    kdump_ctx_t* ctx = ctx_.get();
    if (ctx == nullptr) throw OpenError("cannot open " + name + ": out of memory");
    // A mapped file that is cut while it is open would end the process with SIGBUS.
    kdump_set_number_attr(ctx, KDUMP_ATTR_FILE_MMAP_POLICY, KDUMP_MMAP_NEVER);
    kdump_clear_err(ctx);
    if (kdump_open_fdset(ctx, static_cast<unsigned>(fds.size()), fds.data()) != KDUMP_OK) {
        throw OpenError("cannot open " + name + ": libkdumpfile says: " + kdump_get_err(ctx));
    }
    // Pages are kept by our own cache, and libkdumpfile searches its own from end to end.
    kdump_set_number_attr(ctx, "cache.size", kLibraryCachePages);
    kdump_clear_err(ctx);
    // QEMU leaves the machine name in the header blank.
    kdump_set_string_attr(ctx, KDUMP_ATTR_ARCH_NAME, std::string(arch.name()).c_str());
    kdump_clear_err(ctx);
}

PageStatus KdumpContext::read_page(PhysAddr phys, std::span<std::byte> page) {
    std::size_t length = page.size();
    const kdump_status status =
        kdump_read(ctx_.get(), KDUMP_MACHPHYSADDR, phys.value, page.data(), &length);
    if (status == KDUMP_OK) return PageStatus::kOk;
    kdump_clear_err(ctx_.get());
    switch (status) {
        case KDUMP_ERR_NODATA:
            return PageStatus::kNoData;
        case KDUMP_ERR_EOF:
            return PageStatus::kCut;
        default:
            return PageStatus::kDamaged;
    }
}

KdumpPool::KdumpPool(std::vector<int> fds, const Architecture& arch, std::string name)
    : fds_(std::move(fds)), arch_(arch), name_(std::move(name)) {
    unused_.push_back(open());
}

std::unique_ptr<KdumpContext> KdumpPool::open() const {
    return std::make_unique<KdumpContext>(fds_, arch_, name_);
}

PageStatus KdumpPool::read_page(PhysAddr phys, std::span<std::byte> page) {
    std::unique_ptr<KdumpContext> context;
    {
        const std::lock_guard lock(mutex_);
        if (!unused_.empty()) {
            context = std::move(unused_.back());
            unused_.pop_back();
        }
    }
    if (!context) context = open();
    const PageStatus status = context->read_page(phys, page);
    const std::lock_guard lock(mutex_);
    unused_.push_back(std::move(context));
    return status;
}

}  // namespace pyk
