// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/kdump_context.h"

#include <libkdumpfile/kdumpfile.h>

#include "base/error.h"

namespace pyk {
namespace {

constexpr std::uint64_t kLibraryCachePages = 128;

}  // namespace

void KdumpContext::Free::operator()(_kdump_ctx* ctx) const {
    // The last context of a kdump file cannot be freed: libkdumpfile 0.5.1 then writes to
    // attributes that it freed already, and always so after it refused a file. What stays is a few
    // MiB.
    if (is_clone) kdump_free(ctx);
}

KdumpContext KdumpContext::open(const std::vector<int>& fds, const Architecture& arch,
                                const std::string& name) {
    KdumpContext context;
    context.ctx_.reset(kdump_new());
    kdump_ctx_t* ctx = context.ctx_.get();
    if (ctx == nullptr) throw OpenError("cannot open " + name + ": out of memory");
    // A mapped file that is cut while it is open would end the process with SIGBUS.
    kdump_set_number_attr(ctx, KDUMP_ATTR_FILE_MMAP_POLICY, KDUMP_MMAP_NEVER);
    kdump_clear_err(ctx);
    if (kdump_open_fdset(ctx, static_cast<unsigned>(fds.size()), fds.data()) != KDUMP_OK) {
        throw OpenError("cannot open " + name + ": libkdumpfile says: " + kdump_get_err(ctx));
    }
    // Pages are kept by our own cache. libkdumpfile searches its own from end to end, which cost a
    // quarter of the time; each thread that reads needs an entry or two there.
    kdump_set_number_attr(ctx, "cache.size", kLibraryCachePages);
    kdump_clear_err(ctx);
    // QEMU leaves the machine name in the header blank.
    kdump_set_string_attr(ctx, KDUMP_ATTR_ARCH_NAME, std::string(arch.name()).c_str());
    kdump_clear_err(ctx);
    return context;
}

KdumpContext KdumpContext::clone() const {
    KdumpContext copy;
    copy.ctx_.reset(kdump_clone(ctx_.get(), 0));
    copy.ctx_.get_deleter().is_clone = true;
    if (!copy.ctx_) throw Error("cannot open the dump once more for another thread: out of memory");
    return copy;
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

}  // namespace pyk
