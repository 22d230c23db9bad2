// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PID 1 of a large guest: as many processes as it is told to make, each with threads, files and sockets of its own.
 * It prints the counts as JSON, then panics the kernel.  No thread has a stack: each makes one
 * system call that does not return, so that a guest of 2 GiB has room for them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
	FILES = 1000,
	PAUSING = 199, /* with the first thread, which pauses too: 200 */
	IN_FUTEX = 50,
	IN_PIPE = 40,
	IN_FOLDER = 10, /* in state D: a thread of the test module holds the folder's lock */
	THREADS = 1 + PAUSING + IN_FUTEX + IN_PIPE + IN_FOLDER,
	TCP_PAIRS = 20,
	UNIX_PAIRS = 60,
	UDP = 30,
	NETLINK = 9,
	SOCKETS = 1 + 2 * TCP_PAIRS + 2 * UNIX_PAIRS + UDP + NETLINK,
	AT_ONCE = 2,
};

static int futex_word;

static void check(int good, const char *what)
{
	if (!good) {
		printf("PYKDUMP: failed: %s: %m\n", what);
		for (;;)
			pause();
	}
}

/* A thread on our own stack, which it never touches. */
static void spawn(long call, long first, long second, long third)
{
	long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
	long pid;
	register long a asm("r12") = call, b asm("r13") = first, c asm("r14") = second, d asm("r15") = third;
	register long parent_tid asm("r10") = 0, tls asm("r8") = 0;

	asm volatile("syscall\n"
		     "test %%rax, %%rax\n"
		     "jnz 2f\n"
		     "mov %%r12, %%rax\n"
		     "mov %%r13, %%rdi\n"
		     "mov %%r14, %%rsi\n"
		     "mov %%r15, %%rdx\n"
		     "xor %%r10d, %%r10d\n"
		     "1: syscall\n"
		     "mov %[pause], %%eax\n"
		     "jmp 1b\n"
		     "2:"
		     : "=a"(pid)
		     : "a"(SYS_clone), "D"(flags), "S"(0L), "d"(0L), "r"(parent_tid), "r"(tls), "r"(a), "r"(b),
		       "r"(c), "r"(d), [pause] "i"(SYS_pause)
		     : "rcx", "r11", "memory");
	check(pid > 0, "clone");
}

static void make_files(int number)
{
	char path[64];
	int i;

	snprintf(path, sizeof(path), "/run/files/%03d", number);
	check(!mkdir(path, 0700) && !chdir(path), path);
	for (i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "file-%03d-%04d", number, i);
		check(!mknod(path, S_IFREG | 0600, 0), path);
	}
}

static void make_sockets(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), pair[2], fd, i;
	socklen_t size = sizeof(address);

	check(!bind(listener, (void *)&address, size) && !listen(listener, TCP_PAIRS), "listen");
	check(!getsockname(listener, (void *)&address, &size), "getsockname");
	for (i = 0; i < TCP_PAIRS; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		check(!connect(fd, (void *)&address, size), "connect");
		check(accept(listener, NULL, NULL) >= 0, "accept");
	}
	for (i = 0; i < UNIX_PAIRS; i++)
		check(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	for (i = 0; i < UDP; i++) {
		address.sin_port = 0;
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		check(!bind(fd, (void *)&address, size), "bind");
	}
	for (i = 0; i < NETLINK; i++)
		check(socket(AF_NETLINK, SOCK_RAW, 0) >= 0, "netlink");
}

static void make_threads(void)
{
	static char room[1];
	int fds[2], i;

	check(!pipe(fds), "pipe");
	for (i = 0; i < PAUSING; i++)
		spawn(SYS_pause, 0, 0, 0);
	for (i = 0; i < IN_FUTEX; i++)
		spawn(SYS_futex, (long)&futex_word, FUTEX_WAIT_PRIVATE, 0);
	for (i = 0; i < IN_PIPE; i++)
		spawn(SYS_read, fds[0], (long)room, 1);
	for (i = 0; i < IN_FOLDER; i++)
		spawn(SYS_open, (long)"/run/locked-folder/new", O_CREAT | O_WRONLY, 0600);
}

static void be_process(int number, int done)
{
	char comm[16];

	snprintf(comm, sizeof(comm), "large-%03d", number);
	prctl(PR_SET_NAME, comm);
	make_files(number);
	make_sockets();
	make_threads();
	check(write(done, "", 1) == 1, "write");
	for (;;)
		pause();
}

/* The text of a file of one or a few lines, as a member of a JSON object. */
static void print_file(const char *path, const char *after)
{
	char text[2048] = "";
	FILE *file = fopen(path, "r");
	size_t i, size;

	check(file != NULL, path);
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	printf("\"%s\": \"", path);
	for (i = 0; i < size; i++)
		text[i] == '\n' ? printf("\\n") : text[i] == '\t' ? printf(" ") : putchar(text[i]);
	printf("\"%s", after);
}

static void print_facts(int processes)
{
	printf("PYKDUMP: fact {\"processes\": %d, \"threads\": %d, \"files\": %d, \"folders\": %d, "
	       "\"sockets\": %d, ",
	       processes, processes * THREADS, processes * FILES, processes, processes * SOCKETS);
	printf("\"sockets_of\": {\"tcp_listening\": %d, \"tcp_connected\": %d, \"unix\": %d, \"udp\": %d, "
	       "\"netlink\": %d}, ",
	       processes, processes * 2 * TCP_PAIRS, processes * 2 * UNIX_PAIRS, processes * UDP,
	       processes * NETLINK);
	printf("\"threads_in\": {\"pause\": %d, \"futex\": %d, \"pipe_read\": %d, \"rwsem\": %d}, ",
	       processes * (PAUSING + 1), processes * IN_FUTEX, processes * IN_PIPE, processes * IN_FOLDER);
	printf("\"files_of_proc\": {");
	print_file("/proc/sys/fs/dentry-state", ", ");
	print_file("/proc/sys/fs/inode-nr", ", ");
	print_file("/proc/sys/fs/file-nr", ", ");
	print_file("/proc/net/sockstat", ", ");
	print_file("/proc/loadavg", ", ");
	print_file("/proc/meminfo", "}}\n");
}

int main(int count, char **arguments)
{
	int processes = count > 1 ? atoi(arguments[1]) : 0;
	struct rlimit many = { 4096, 4096 };
	int done[2], number, running = 0;
	char byte;

	setlinebuf(stdout);
	check(processes > 0, "number of processes");
	check(!setrlimit(RLIMIT_NOFILE, &many) && !pipe(done), "pipe");
	printf("PYKDUMP: ready\n");
	for (number = 0; number < processes || running; running--) {
		for (; number < processes && running < AT_ONCE; number++, running++)
			if (!fork())
				be_process(number, done[1]);
		check(read(done[0], &byte, 1) == 1, "read");
	}
	sleep(1);
	print_facts(processes);
	tcdrain(STDOUT_FILENO);
	check(write(open("/proc/sysrq-trigger", O_WRONLY), "c", 1) == 1, "sysrq");
	return 1;
}
