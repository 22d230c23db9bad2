/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tiny ELF that looks like a vmlinux: nobody runs it, tests/dump/writer/mini.py puts it into the
 * memory of a machine and plants tasks. Return addresses on their stacks are those behind the calls
 * below, so who calls whom here is what backtraces show.
 *
 * -DPERCPU_IN_IMAGE: .data..percpu lies in the image (x86 since v6.15) and not at address 0.
 */
#include "mini_kernel.h"

#include <stddef.h>

#define UTS_RELEASE "6.1.0-mini"
#define UTS_VERSION "#1 SMP PREEMPT_DYNAMIC mini"
#define PAGE_ALIGNED __attribute__((aligned(4096)))
#define PER_CPU __attribute__((section(".data..percpu")))
#define SCHED_TEXT __attribute__((section(".sched.text"), noinline))
#define NOINLINE __attribute__((noinline))
#define LIST_HEAD_INIT(name) \
    { &(name), &(name) }

/* ---- data ---- */

const char linux_banner[] =
    "Linux version " UTS_RELEASE " (mini@kernel) (gcc, GNU ld) " UTS_VERSION "\n";

struct uts_namespace init_uts_ns = {
    .name = {"Linux", "mini", UTS_RELEASE, UTS_VERSION, "x86_64", "(none)"},
};

pgd_t init_top_pgt[512] PAGE_ALIGNED;
unsigned char vmcoreinfo_page[4096] PAGE_ALIGNED; /* keeps init_top_pgt's page its own */
unsigned char* vmcoreinfo_data;
size_t vmcoreinfo_size;
u32* vmcoreinfo_note;

unsigned int __pgtable_l5_enabled;
unsigned long phys_base;
unsigned long page_offset_base = 0xffff888000000000;
unsigned long vmalloc_base = 0xffffc90000000000;
unsigned long vmemmap_base = 0xffffea0000000000;

unsigned int nr_cpu_ids = NR_CPUS;
struct cpumask __cpu_possible_mask, __cpu_online_mask, __cpu_present_mask, __cpu_active_mask;
atomic_t __num_online_cpus;
unsigned long __per_cpu_offset[NR_CPUS];

atomic_t panic_cpu = {-1};
int crashing_cpu = -1;
unsigned long tainted_mask;
u64 jiffies_64 = 4294937296;
extern unsigned long jiffies __attribute__((alias("jiffies_64")));
char* saved_command_line;
char boot_command_line[256] = "console=ttyS0 mini";
note_buf_t* crash_notes; /* a per-CPU pointer */
struct list_head modules = LIST_HEAD_INIT(modules);
extern char __per_cpu_start[];
char* percpu_start_seen = __per_cpu_start; /* absolute where .data..percpu is zero-based */

unsigned long init_stack[2048] __attribute__((aligned(16384)));

struct mm_struct init_mm = {
    {.pgd = init_top_pgt,
     .mm_users = {2},
     .mm_count = {1},
     .mmlist = LIST_HEAD_INIT(init_mm.mmlist)},
};

extern struct task_struct init_task;
struct signal_struct init_signals = {
    .nr_threads = 1,
    .thread_head = {&init_task.thread_node, &init_task.thread_node},
};

struct task_struct init_task = {
    .stack = init_stack,
    .usage = {{2}},
    .flags = 0x00200000, /* PF_KTHREAD */
    .prio = 120,
    .static_prio = 120,
    .normal_prio = 120,
    .tasks = LIST_HEAD_INIT(init_task.tasks),
    .active_mm = &init_mm,
    .real_parent = &init_task,
    .parent = &init_task,
    .children = LIST_HEAD_INIT(init_task.children),
    .sibling = LIST_HEAD_INIT(init_task.sibling),
    .group_leader = &init_task,
    .thread_group = LIST_HEAD_INIT(init_task.thread_group),
    .thread_node = {&init_signals.thread_head, &init_signals.thread_head},
    .comm = "swapper/0",
    .signal = &init_signals,
};

PER_CPU struct rq runqueues __attribute__((aligned(64))) = {.online = 1};
PER_CPU struct task_struct* current_task = &init_task;
PER_CPU int cpu_number;
PER_CPU unsigned long this_cpu_off;
PER_CPU long planted_counter;

/* ---- text ---- */

void __switch_to_asm(void);
void entry_SYSCALL_64(void);
void ret_from_fork(void);
void secondary_startup_64(void);

asm(".pushsection .text\n"
    ".globl __switch_to_asm\n.type __switch_to_asm, @function\n"
    "__switch_to_asm:\n\tret\n.size __switch_to_asm, .-__switch_to_asm\n"
    /* Entry assembly has no CFI, as in vmlinux. */
    ".globl entry_SYSCALL_64\n.type entry_SYSCALL_64, @function\n"
    "entry_SYSCALL_64:\n\tcall do_syscall_64\n\thlt\n.size entry_SYSCALL_64, .-entry_SYSCALL_64\n"
    ".globl ret_from_fork\n.type ret_from_fork, @function\n"
    "ret_from_fork:\n\t.cfi_startproc\n\t.cfi_undefined rip\n"
    "\tcall kthread\n\thlt\n\t.cfi_endproc\n.size ret_from_fork, .-ret_from_fork\n"
    ".globl secondary_startup_64\n.type secondary_startup_64, @function\n"
    "secondary_startup_64:\n\t.cfi_startproc\n\t.cfi_undefined rip\n"
    "\tcall start_secondary\n\thlt\n\t.cfi_endproc\n"
    ".size secondary_startup_64, .-secondary_startup_64\n.popsection\n");

SCHED_TEXT void __schedule(unsigned int sched_mode) {
    jiffies_64 += sched_mode;
    __switch_to_asm();
}
SCHED_TEXT void schedule_idle(void) {
    __schedule(0);
}
SCHED_TEXT void schedule(void) {
    __schedule(0);
}
SCHED_TEXT long schedule_timeout(long timeout) {
    schedule();
    return timeout;
}
SCHED_TEXT void io_schedule(void) {
    schedule();
}
NOINLINE int kthreadd(void* unused) {
    schedule();
    return unused != 0;
}
NOINLINE int worker_thread(void* worker) {
    schedule();
    return worker != 0;
}
NOINLINE int kthread(void* create) {
    return worker_thread(create) + kthreadd(create);
}

NOINLINE long do_nanosleep(u64 delay) {
    return schedule_timeout((long)delay);
}
NOINLINE int folio_wait_bit(int bit) {
    io_schedule();
    return bit;
}
NOINLINE int do_exit(int code) {
    schedule();
    return code;
}
NOINLINE void crash_setup_regs(struct pt_regs* regs) {
    if (regs) regs->ip = 0;
}
NOINLINE void __crash_kexec(struct pt_regs* regs) {
    crash_setup_regs(regs);
}
NOINLINE void panic(const char* fmt) {
    __crash_kexec(0);
    saved_command_line = (char*)fmt;
}
NOINLINE void sysrq_handle_crash(int key) {
    panic(key ? "sysrq triggered crash" : "");
}

NOINLINE long do_syscall_64(struct pt_regs* regs, int nr) {
    if (nr < 0) sysrq_handle_crash(nr);
    return do_nanosleep(regs->di) + folio_wait_bit(nr) + do_exit(nr);
}

NOINLINE void native_safe_halt(void) {
    asm volatile("sti; hlt" : : : "memory");
}
NOINLINE void default_idle(void) {
    native_safe_halt();
}
NOINLINE void do_idle(void) {
    default_idle();
    schedule_idle();
}
NOINLINE void cpu_startup_entry(int state) {
    if (state) do_idle();
}
NOINLINE void start_secondary(void* unused) {
    cpu_startup_entry(unused != 0);
}

void (*const planted_calls[])(void) = {entry_SYSCALL_64, ret_from_fork, secondary_startup_64};

/* ---- where fields lie, for the one who plants; not loaded ---- */

struct field_offset {
    char name[48];
    u32 offset, size;
};
#define F(type, member) \
    { #type "." #member, offsetof(struct type, member), sizeof(((struct type*)0)->member) }
#define SIZE(type) \
    { #type, 0, sizeof(struct type) }
__attribute__((section(".pykdump_offsets"), used)) const struct field_offset field_offsets[] = {
    SIZE(task_struct),
#ifdef OLD_TASK
    F(task_struct, state),
    F(task_struct, cpu),
#else
    F(task_struct, __state),
    F(task_struct, thread_info.cpu),
#endif
    F(task_struct, stack),
    F(task_struct, flags),
    F(task_struct, on_cpu),
    F(task_struct, recent_used_cpu),
    F(task_struct, on_rq),
    F(task_struct, prio),
    F(task_struct, se.exec_start),
    F(task_struct, sched_info.last_arrival),
    F(task_struct, tasks),
    F(task_struct, mm),
    F(task_struct, active_mm),
    F(task_struct, exit_state),
    F(task_struct, pid),
    F(task_struct, tgid),
    F(task_struct, real_parent),
    F(task_struct, parent),
    F(task_struct, children),
    F(task_struct, sibling),
    F(task_struct, group_leader),
    F(task_struct, thread_group),
    F(task_struct, thread_node),
    F(task_struct, start_time),
    F(task_struct, comm),
    F(task_struct, signal),
    F(task_struct, thread.sp),
    SIZE(signal_struct),
    F(signal_struct, nr_threads),
    F(signal_struct, thread_head),
    SIZE(mm_struct),
    F(mm_struct, pgd),
    F(mm_struct, mm_users),
    F(mm_struct, start_code),
    F(mm_struct, end_code),
    SIZE(rq),
    F(rq, nr_running),
    F(rq, curr),
    F(rq, idle),
    F(rq, clock),
    F(rq, cpu),
    SIZE(pt_regs),
    F(inactive_task_frame, ret_addr),
};
