/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types of the mini kernel: the kernel's own names, in the order of Linux 6.1, and only what is
 * read.
 *
 * -DOLD_TASK: task_struct.state and .cpu as before v5.14 and v5.16.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef _Bool bool;
typedef int pid_t;
typedef unsigned long size_t;
typedef unsigned long pgdval_t;
typedef struct {
    pgdval_t pgd;
} pgd_t;
typedef struct {
    int counter;
} atomic_t;
typedef struct {
    s64 counter;
} atomic64_t;
typedef struct refcount_struct {
    atomic_t refs;
} refcount_t;

struct list_head {
    struct list_head *next, *prev;
};
struct hlist_node {
    struct hlist_node *next, **pprev;
};
struct hlist_head {
    struct hlist_node* first;
};

#define NR_CPUS 64
#define TASK_COMM_LEN 16

typedef struct cpumask {
    unsigned long bits[NR_CPUS / 64];
} cpumask_t;

struct thread_info {
    unsigned long flags;
    unsigned long syscall_work;
    u32 status;
#ifndef OLD_TASK
    u32 cpu;
#endif
};

struct inactive_task_frame {
    unsigned long r15, r14, r13, r12;
    unsigned long bx;
    unsigned long bp;
    unsigned long ret_addr;
};

struct pt_regs {
    unsigned long r15, r14, r13, r12, bp, bx;
    unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
    unsigned long orig_ax;
    unsigned long ip, cs, flags, sp, ss;
};

struct desc_struct {
    u16 limit0, base0;
    u16 base1 : 8, type : 4, s : 1, dpl : 2, p : 1;
    u16 limit1 : 4, avl : 1, l : 1, d : 1, g : 1, base2 : 8;
};

struct thread_struct {
    struct desc_struct tls_array[3];
    unsigned long sp;
    unsigned short es, ds, fsindex, gsindex;
    unsigned long fsbase, gsbase;
    unsigned long cr2, trap_nr, error_code;
};

struct sched_entity {
    u64 exec_start;
    u64 sum_exec_runtime;
    u64 vruntime;
};

struct sched_info {
    unsigned long pcount;
    unsigned long long run_delay;
    unsigned long long last_arrival;
    unsigned long long last_queued;
};

struct mm_struct {
    struct {
        unsigned long mmap_base;
        unsigned long task_size;
        pgd_t* pgd;
        atomic_t mm_users;
        atomic_t mm_count;
        int map_count;
        struct list_head mmlist;
        unsigned long total_vm;
        unsigned long start_code, end_code, start_data, end_data;
        unsigned long start_brk, brk, start_stack;
        unsigned long arg_start, arg_end, env_start, env_end;
    };
    unsigned long cpu_bitmap[];
};

struct signal_struct {
    refcount_t sigcnt;
    atomic_t live;
    int nr_threads;
    struct list_head thread_head;
};

struct task_struct {
    struct thread_info thread_info;
#ifdef OLD_TASK
    volatile long state;
#else
    unsigned int __state;
#endif
    void* stack;
    refcount_t usage;
    unsigned int flags;
    unsigned int ptrace;
    int on_cpu;
#ifdef OLD_TASK
    unsigned int cpu;
#endif
    int recent_used_cpu;
    int wake_cpu;
    int on_rq;
    int prio;
    int static_prio;
    int normal_prio;
    unsigned int rt_priority;
    struct sched_entity se;
    unsigned int policy;
    int nr_cpus_allowed;
    cpumask_t cpus_mask;
    struct sched_info sched_info;
    struct list_head tasks;
    struct mm_struct* mm;
    struct mm_struct* active_mm;
    int exit_state;
    int exit_code;
    int exit_signal;
    unsigned in_execve : 1;
    unsigned in_iowait : 1;
    pid_t pid;
    pid_t tgid;
    struct task_struct* real_parent;
    struct task_struct* parent;
    struct list_head children;
    struct list_head sibling;
    struct task_struct* group_leader;
    struct list_head thread_group;
    struct list_head thread_node;
    u64 utime;
    u64 stime;
    unsigned long nvcsw;
    unsigned long nivcsw;
    u64 start_time;
    u64 start_boottime;
    char comm[TASK_COMM_LEN];
    struct signal_struct* signal;
    struct thread_struct thread;
};

struct rq {
    unsigned int nr_running;
    u64 nr_switches;
    unsigned int nr_uninterruptible;
    struct task_struct* curr;
    struct task_struct* idle;
    struct task_struct* stop;
    u64 clock;
    u64 clock_task;
    int cpu;
    int online;
};

struct new_utsname {
    char sysname[65];
    char nodename[65];
    char release[65];
    char version[65];
    char machine[65];
    char domainname[65];
};
struct uts_namespace {
    struct new_utsname name;
};

typedef u32 note_buf_t[92];
