# SPDX-License-Identifier: GPL-2.0-or-later
"""Why kernels die, as data: what each way to die writes into the log, and leaves on the stack.

Rules are tried in their order; the first one that matches is the class. Patterns hold the texts of
kernels from 4.18 on; where the text changed, both are there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PanicRule:
    """One way to die."""

    name: str  #: of the class: "null-dereference"
    title: str  #: for people
    log: tuple[str, ...] = ()  #: regular expressions; one of them matches a line that tells it
    stack: tuple[str, ...] = ()  #: functions, one of which is on the stack of the panic
    traps: tuple[str, ...] = ()  #: entry code of the exception that the kernel died of
    begins: str = ""  #: regular expression of the first line, where it is far before the last
    #: Which code is to blame: where an exception came ("fault"), who called panic() ("caller"),
    #: what an interrupt or NMI came into ("interrupted"), or what the task waits in that the log
    #: names ("named").
    culprit: str = "fault"


_PANIC = "Kernel panic - not syncing: "
_NAMED_TASK = r"task (?P<comm>.+):(?P<pid>\d+) blocked"

RULES = (
    PanicRule(
        "sysrq",
        "crash asked for by sysrq",
        log=(f"{_PANIC}sysrq triggered crash", r"^RIP: .*:sysrq_handle_crash\+"),
        stack=("sysrq_handle_crash",),
        culprit="caller",
    ),
    PanicRule(
        "list-corruption",
        "corrupted list",
        log=(r"list_(add|del) corruption", r"list_(add|del) double add"),
        stack=(
            *("__list_add_valid", "__list_add_valid_or_report", "__list_del_entry_valid"),
            "__list_del_entry_valid_or_report",
        ),
    ),
    PanicRule(
        "stack-overflow",
        "kernel stack overflow",
        log=(
            r"stack guard page was hit",
            r"kernel stack overflow",
            r"corrupted stack end detected",
            r"stack-protector: Kernel stack is corrupted",
        ),
        stack=("handle_stack_overflow", "__stack_chk_fail"),
    ),
    PanicRule(
        "soft-lockup",
        "soft lockup: a CPU ran one task in the kernel without a break",
        log=(f"{_PANIC}softlockup: hung tasks",),
        stack=("watchdog_timer_fn",),
        begins=r"BUG: soft lockup - CPU#\d+ stuck for",
        culprit="interrupted",
    ),
    PanicRule(
        "hard-lockup",
        "hard lockup: a CPU took no interrupts",
        log=(f"{_PANIC}(Hard|hard) LOCKUP", f"{_PANIC}Watchdog detected hard LOCKUP"),
        stack=("watchdog_overflow_callback", "watchdog_hardlockup_check"),
        begins=r"Watchdog detected hard LOCKUP on cpu \d+",
        culprit="interrupted",
    ),
    PanicRule(
        "hung-task",
        "hung task: a task waited too long without being woken",
        log=(f"{_PANIC}hung_task: blocked tasks",),
        stack=("check_hung_uninterruptible_tasks",),
        begins=rf"INFO: {_NAMED_TASK}",
        culprit="named",
    ),
    PanicRule(
        "rcu-stall",
        "RCU stall: a CPU or task held up a grace period",
        log=(f"{_PANIC}RCU Stall",),
        stack=("panic_on_rcu_stall", "print_other_cpu_stall", "print_cpu_stall"),
        begins=r"rcu: INFO: \w+ (self-)?detected (expedited )?stall|"
        r"INFO: rcu_\w+ (self-)?detected (expedited )?stall",
        culprit="interrupted",
    ),
    PanicRule(
        "oom",
        "out of memory",
        log=(
            rf"{_PANIC}(Out of memory|out of memory)",
            f"{_PANIC}System is deadlocked on memory",
        ),
        stack=("check_panic_on_oom", "out_of_memory"),
        begins=r"invoked oom-killer",
        culprit="caller",
    ),
    PanicRule(
        "machine-check",
        "machine check: the hardware reports an error",
        log=(
            rf"{_PANIC}(Fatal (local )?machine check|Machine check from unknown source)",
            rf"{_PANIC}(Uncorrected|Memory error|Timeout: Not all CPUs entered broadcast)",
            rf"{_PANIC}.*[Mm]achine check",
        ),
        stack=("mce_panic", "do_machine_check"),
        begins=r"mce: \[Hardware Error\]|\[Hardware Error\]",
        culprit="interrupted",
    ),
    PanicRule(
        "watchdog-device",
        "a watchdog device ran out, or its NMI came",
        log=(
            rf"{_PANIC}(An NMI occurred|hpwdt|.*watchdog pretimeout)",
            r"hpwdt: (Unexpected|An) NMI",
        ),
        stack=("hpwdt_pretimeout", "pretimeout_panic", "watchdog_notify_pretimeout"),
        culprit="interrupted",
    ),
    PanicRule(
        "nmi",
        "an NMI that the kernel was told to panic of",
        log=(
            rf"{_PANIC}NMI( IOCK| SERR)?(:| error)",
            rf"{_PANIC}.*NMI.*Not continuing",
            r"^Uhhuh\. NMI received for unknown reason",
        ),
        stack=("unknown_nmi_error", "pci_serr_error", "io_check_error", "nmi_panic"),
        begins=r"Uhhuh\. NMI received|NMI: (PCI system error|IOCK error)",
        culprit="interrupted",
    ),
    PanicRule(
        "cluster-fencing",
        "a cluster took this node out",
        log=(
            r"ocfs2 is very sorry to be fencing this system",
            rf"{_PANIC}.*([Ff]enc(ing|ed)|GFS2?: fsid=.*withdraw|CSSD)",
        ),
        stack=("o2quo_fence_self", "o2hb_stop_all_regions"),
        culprit="caller",
    ),
    PanicRule(
        "file-system",
        "a file system that was mounted to panic on errors",
        log=(
            rf"{_PANIC}(EXT[234]-fs|ext[234]).*(panic forced|error)",
            rf"{_PANIC}.*(XFS|BTRFS|JBD|gfs2|ubifs)",
        ),
        culprit="caller",
    ),
    PanicRule(
        "no-root",
        "no root file system or no init",
        log=(
            f"{_PANIC}VFS: Unable to mount root fs",
            f"{_PANIC}No (working )?init found",
            f"{_PANIC}Requested init .* failed",
        ),
        culprit="caller",
    ),
    PanicRule(
        "init-died",
        "init ended",
        log=(f"{_PANIC}Attempted to kill init",),
        begins=r"Attempted to kill init",
        culprit="caller",
    ),
    PanicRule(
        "warn",
        "a warning, with panic_on_warn set",
        log=(
            rf"{_PANIC}.*panic_on_warn set",
            rf"{_PANIC}.*system warned too often",
        ),
        stack=("check_panic_on_warn",),
        begins=r"^WARNING: ",
    ),
    PanicRule(
        "kasan",
        "a bad access that KASAN, KFENCE or KCSAN saw",
        log=(r"^BUG: (KASAN|KFENCE|KCSAN|KMSAN): ",),
    ),
    PanicRule(
        "use-after-free",
        "use of freed memory: a pointer holds the poison of slab or list debugging",
        log=(
            r"(address|dereference at|request at|at) :?\s*(0x)?6b6b6b6b6b6b6b[0-9a-f]{2}",
            r"non-canonical address (0x)?(6b6b6b6b|dead0000000001|dead000000000[12])",
            r"(address|request at):? (0x)?dead000000000[12]",
        ),
    ),
    PanicRule(
        "null-call",
        "call of a NULL pointer",
        log=(r"^BUG: kernel NULL pointer dereference, address: 0{16}\n#PF: .*instruction fetch",),
    ),
    PanicRule(
        "null-dereference",
        "NULL pointer dereference",
        log=(
            r"^BUG: kernel NULL pointer dereference",
            r"^BUG: unable to handle kernel NULL pointer dereference",
            r"probably for non-canonical address .*KASAN: null-ptr-deref",
        ),
    ),
    PanicRule(
        "data-call",
        "call of what is no code",
        log=(
            r"kernel tried to execute NX-protected page",
            r"unable to execute userspace code",
            r"#PF: supervisor instruction fetch in kernel mode",
        ),
    ),
    PanicRule(
        "user-access",
        "access to user memory where that is forbidden (SMAP)",
        log=(
            r"BUG: unable to handle page fault for address: 0000[0-9a-f]{12}\n"
            r"#PF: supervisor .*\n#PF: error_code\(0x000[13]\)",
        ),
    ),
    PanicRule(
        "wild-pointer",
        "access to an address where there is nothing",
        log=(
            r"^BUG: unable to handle page fault",
            r"^BUG: unable to handle kernel paging request",
            r"non-canonical address",
        ),
        traps=("asm_exc_page_fault", "page_fault", "async_page_fault"),
    ),
    PanicRule(
        "page-table",
        "a corrupted page table",
        log=(r"Corrupted page table at address", r"^Bad pagetable:", r"reserved bit violation"),
    ),
    PanicRule(
        "bug-usercopy",
        "a copy from or to user memory beyond its object",
        log=(r"usercopy: Kernel memory (exposure|overwrite) attempt",),
        stack=("usercopy_abort",),
    ),
    PanicRule(
        "buffer-overflow",
        "a buffer overflow that FORTIFY_SOURCE saw",
        log=(r"detected buffer overflow in", r"^fortify: "),
        stack=("fortify_panic", "__fortify_panic"),
    ),
    PanicRule(
        "control-flow",
        "a call or return that control flow integrity forbids",
        log=(r"CFI failure", r"Missing ENDBR", r"control protection"),
        traps=("asm_exc_control_protection",),
    ),
    PanicRule(
        "bug",
        "BUG(): the code found what cannot be",
        log=(r"^kernel BUG at ", r"^BUG: (scheduling while atomic|spinlock|sleeping function)"),
    ),
    PanicRule(
        "divide-error",
        "division by zero",
        log=(r"divide error: ", r"^divide error"),
        traps=("asm_exc_divide_error", "divide_error"),
    ),
    PanicRule(
        "double-fault",
        "double fault",
        log=(r"double fault: ", r"PANIC: double fault"),
        traps=("asm_exc_double_fault", "double_fault"),
    ),
    PanicRule(
        "invalid-opcode",
        "an instruction that the processor does not know",
        log=(r"invalid opcode: ",),
        traps=("asm_exc_invalid_op", "invalid_op"),
    ),
    PanicRule(
        "general-protection",
        "general protection fault",
        log=(r"general protection( fault)?",),
        traps=("asm_exc_general_protection", "general_protection"),
    ),
    PanicRule(
        "exception",
        "an exception of the processor",
        log=(
            r"(stack segment|segment not present|alignment check|bounds|overflow|int3|SIMD|"
            r"invalid TSS|coprocessor): [0-9a-f]{4}",
            r"^Oops: ",
        ),
    ),
    PanicRule(
        "killed-context",
        "a task died where none may: in an interrupt, or the idle task",
        log=(rf"{_PANIC}(Aiee, killing interrupt handler|Attempted to kill the idle task)",),
        culprit="caller",
    ),
    PanicRule(
        "panic",
        "panic() called by the code",
        log=(_PANIC,),
        stack=("panic", "vpanic"),
        culprit="caller",
    ),
    PanicRule(
        "kexec",
        "a crash dump asked for without a panic",
        stack=("__crash_kexec", "crash_kexec"),
    ),
)
