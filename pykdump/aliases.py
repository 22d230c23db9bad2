# SPDX-License-Identifier: GPL-2.0-or-later
"""What old scripts call members that the kernel has since renamed or moved.

They are tried only where the struct has no member of the name, and only for attribute access:
`hasField`, `member_size` and `member_offset` say what the struct really has. Every alias has the
meaning and the unit of what it stands for; where a kernel keeps no such thing there is no alias.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pykdump import lowlevel

Function = Callable[[Any], Any]

#: Whether aliases are used; change it with `setAliases`.
enabled = True

#: By struct and old name: where it is now, newest first, as dotted paths.
PATHS: dict[tuple[str, str], tuple[str, ...]] = {
    # v5.14 2f064a59a11f ("sched: Change task_struct::state")
    ("struct task_struct", "state"): ("__state",),
    # v5.16 bcf9033e5449 ("sched: move CPU field back into thread_info if THREAD_INFO_IN_TASK=y")
    ("struct task_struct", "cpu"): ("thread_info.cpu",),
    # v5.5 cf25e24db61c ("time: Rename tsk->real_start_time to ->start_boottime")
    ("struct task_struct", "real_start_time"): ("start_boottime",),
    # v6.7 8e1f385104ac ("kill task_struct->thread_group"); see LIST_HEADS
    ("struct task_struct", "thread_group"): ("thread_node",),
    # v5.8 da1c55f1b272 ("mmap locking API: rename mmap_sem to mmap_lock")
    ("struct mm_struct", "mmap_sem"): ("mmap_lock",),
    # v4.6 0139aa7b7fa1 ("mm: rename _count, field of the struct page, to _refcount")
    ("struct page", "_count"): ("_refcount",),
    # v4.11 f405df5de317 ("refcount_t: Introduce a special purpose refcount type"), atomic_t before
    ("struct refcount_struct", "counter"): ("refs.counter",),
    # v4.17 b93b016313b3 ("page cache: use xa_lock")
    ("struct address_space", "page_tree"): ("i_pages",),
    # v3.12 c2b1df2eb429 ("Rename nsproxy.pid_ns to nsproxy.pid_ns_for_children")
    ("struct nsproxy", "pid_ns"): ("pid_ns_for_children",),
    # v3.14 4f024f3797c4 ("block: Abstract out bvec iterator")
    ("struct bio", "bi_sector"): ("bi_iter.bi_sector",),
    ("struct bio", "bi_size"): ("bi_iter.bi_size",),
    ("struct bio", "bi_idx"): ("bi_iter.bi_idx",),
    # v4.5 7523e4dc5057 ("module: use a structure to encapsulate layout."), until v6.4
    ("struct module", "module_core"): ("core_layout.base",),
    ("struct module", "core_size"): ("core_layout.size",),
    ("struct module", "core_text_size"): ("core_layout.text_size",),
    # v6.8 da549bdd15c2 ("dentry: switch the lists of children to hlist")
    ("struct dentry", "d_subdirs"): ("d_children",),
    ("struct dentry", "d_child"): ("d_sib",),
    # v3.12 98474236f72e ("vfs: make the dentry cache use the lockref infrastructure")
    ("struct dentry", "d_count"): ("d_lockref.count",),
    ("struct dentry", "d_lock"): ("d_lockref.lock",),
    # v6.6 13bc24457850 ("fs: rename i_ctime field to __i_ctime"), v6.7 the others, until v6.11
    ("struct inode", "i_atime"): ("__i_atime",),
    ("struct inode", "i_mtime"): ("__i_mtime",),
    ("struct inode", "i_ctime"): ("__i_ctime",),
    # macros until v3.19
    ("struct file", "f_dentry"): ("f_path.dentry",),
    ("struct file", "f_vfsmnt"): ("f_path.mnt",),
    # v5.12 309dca309fc3 ("block: store a block_device pointer in struct bio")
    ("struct bio", "bi_disk"): ("bi_bdev.bd_disk",),
    # v5.17 f3fa33acca9f ("block: remove the ->rq_disk field in struct request")
    ("struct request", "rq_disk"): ("q.disk",),
    # v6.15 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent.")
    ("struct kernfs_node", "parent"): ("__parent",),
    # v3.6 bf7ad8eeab99 ("rbtree: move some implementation details from rbtree.h to rbtree.c")
    ("struct rb_node", "rb_parent_color"): ("__rb_parent_color",),
}

#: The same computed from the object.
FUNCTIONS: dict[tuple[str, str], Function] = {}

#: Where the new list has a head that the old one had not: the path from its structs to that head,
#: which is no element.
LIST_HEADS = {("struct task_struct", "thread_group"): "signal.thread_head"}


def function(struct: str, name: str) -> Callable[[Function], Function]:
    """Decorator: what an old member reads as, as a function of the object. One that finds that this
    kernel has no such thing either raises KeyError."""

    def register(meth: Function) -> Function:
        FUNCTIONS[struct, name] = meth
        return meth

    return register


def setAliases(on: bool) -> bool:
    """Use aliases or not; returns whether they were used before.

    >>> before = setAliases(False)
    >>> readSU("struct file", 0).f_dentry
    Traceback (most recent call last):
    KeyError: '<struct file> does not have a field <f_dentry>'
    >>> setAliases(before)
    False
    """
    global enabled
    before, enabled = enabled, on
    lowlevel.forget_members()
    return before


def find_paths(structs: Sequence[str], name: str) -> tuple[str, ...]:
    """Paths for an old name of a member; () when there are none."""
    keys = [(struct, name) for struct in structs] if enabled else []
    for key in keys:
        if key in PATHS:
            return PATHS[key]
    return ()


def find_function(structs: Sequence[str], name: str) -> Function | None:
    """A function for an old name of a member, to be used where no path leads anywhere."""
    keys = [(struct, name) for struct in structs] if enabled else []
    return next((FUNCTIONS[key] for key in keys if key in FUNCTIONS), None)
