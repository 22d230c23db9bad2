// SPDX-License-Identifier: GPL-2.0-or-later
// Where the kernel lies in memory, which KASLR chose at boot.
#pragma once

#include <memory>
#include <optional>

#include "dump/elf_file.h"
#include "dump/progress.h"
#include "dump/source.h"
#include "dump/vmcoreinfo.h"

namespace pyk {

// By VMCOREINFO; nothing when it does not say, or what it says does not lead to the page tables.
std::optional<KernelPlace> place_by_vmcoreinfo(const std::shared_ptr<DumpSource>& source,
                                               const Vmcoreinfo& info);

struct FoundVmcoreinfo {
    Vmcoreinfo info;
    PhysAddr where;
};

// The kernel's own copy of VMCOREINFO, sought in all of memory.
std::optional<FoundVmcoreinfo> find_vmcoreinfo(const std::shared_ptr<DumpSource>& source,
                                               const Progress& progress);

// By the linux_banner of vmlinux, sought in all of memory; each place where it stands is believed
// only if page tables beside it map it. Nothing when there is no such place.
std::optional<KernelPlace> place_by_banner(const std::shared_ptr<DumpSource>& source,
                                           const ElfFile& vmlinux, const Progress& progress);

}  // namespace pyk
