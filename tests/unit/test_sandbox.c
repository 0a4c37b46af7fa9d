/* SPDX-License-Identifier: MIT */
/* Each act is done by a child after it has closed the sandbox: what is forbidden, what goes on. */
#include "worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/sanitizer.h"
#include "tests/support/tempdir.h"
#include "worker/packet.h"

enum {
	STATUS_CLOSE_FAILED = 99, /* of a child whose sandbox could not be closed */
	TEXT_BYTES = 6,
	PAGES_BYTES = 1 << 16,
	CALL_LATER = 500, /* no such call yet */
};

static const struct sandbox_limits no_limits, no_files = { .no_files = true };

/* In a child: status 0 when the act succeeds, else errno. */
static void live(const struct sandbox_limits *limits, enum sandbox_need need, int (*act)(void))
{
	struct error err;
	if (sandbox_open(&err) || sandbox_close(limits, need, &err)) {
		(void)fprintf(stderr, "%s\n", err.message);
		_exit(STATUS_CLOSE_FAILED);
	}
	errno = 0;
	_exit(act() < 0 ? errno : 0);
}

static int wait_status(pid_t child)
{
	int status;
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* What wait() tells of a child that does this in its sandbox. */
static int status_of(const struct sandbox_limits *limits, int (*act)(void))
{
	pid_t child = fork();
	if (child == 0)
		live(limits, SANDBOX_REQUIRED, act);
	return wait_status(child);
}

static int result_of(int (*act)(void))
{
	int status = status_of(&no_limits, act);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), STATUS_CLOSE_FAILED);
	return WEXITSTATUS(status);
}

/* A system call: its number, then its arguments. */
static const long *call;

static int make_call(void)
{
	return (int)syscall(call[0], call[1], call[2], call[3], call[4], call[5], call[6]) < 0 ? -1
											       : 0;
}

static void check_call(const char *name, const long numbers[7], int expected)
{
	call = numbers;
	int result = result_of(make_call);
	if (result != expected)
		fail_msg("%s: %s", name, result ? strerror(result) : "is possible");
}
#define CALL(name, ...) ((const long[7]) { SYS_##name, __VA_ARGS__ })
#define FORBIDDEN(name, ...) check_call(#name, CALL(name, __VA_ARGS__), EPERM)
#define UNKNOWN(name, ...) check_call(#name, CALL(name, __VA_ARGS__), ENOSYS)

static void test_sandbox_has_no_network(void **state)
{
	int pair[2];
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = 9 };
	const long at = (long)&address, size = sizeof(address);
	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	FORBIDDEN(socket, AF_INET, SOCK_STREAM, 0);
	FORBIDDEN(socketpair, AF_UNIX, SOCK_STREAM, 0, (long)pair);
	/* one that a lane never has */
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	FORBIDDEN(connect, fd, at, size);
	FORBIDDEN(sendto, fd, (long)"x", 1, 0, at, size);
	address.sin_port = 0;
	FORBIDDEN(bind, fd, at, size);
	FORBIDDEN(listen, fd, 1);
	FORBIDDEN(accept, fd, 0, 0);
	FORBIDDEN(accept4, fd, 0, 0, 0);
	assert_int_equal(close(fd), 0);
}

static void test_sandbox_starts_nothing(void **state)
{
	const uint64_t how[11] = { 0 };
	const char *const arguments[] = { "true", NULL };
	int fd = open("/bin/true", O_RDONLY);
	(void)state;
	assert_true(fd >= 0);
	FORBIDDEN(execve, (long)"/bin/true", (long)arguments, (long)(arguments + 1));
	FORBIDDEN(execveat, fd, (long)"", (long)arguments, (long)(arguments + 1), AT_EMPTY_PATH);
	assert_int_equal(close(fd), 0);
	if (SANITIZED)
		return; /* they end with a process of their own */
	FORBIDDEN(clone, SIGCHLD);
	FORBIDDEN(ptrace, 0 /* PTRACE_TRACEME */);
	UNKNOWN(clone3, (long)how, sizeof(how));
#ifdef SYS_fork
	FORBIDDEN(fork, 0);
#endif
}

static void test_sandbox_reaches_no_other_process(void **state)
{
	const long parent = getpid(); /* of those who call */
	/* the kernel reads 32 bits of a process number or a request, a filter may read 64 */
	const long high = 1L << 32;
	(void)state;
	FORBIDDEN(kill, parent, 0);
	FORBIDDEN(kill, high | parent, 0);
	FORBIDDEN(kill, 0, 0);
	FORBIDDEN(kill, -1, 0);
	FORBIDDEN(tkill, parent, 0);
	FORBIDDEN(tgkill, parent, parent, 0);
	FORBIDDEN(rt_sigqueueinfo, parent, 0, 0);
	FORBIDDEN(rt_tgsigqueueinfo, parent, parent, 0, 0);
	FORBIDDEN(process_vm_readv, parent, 0, 0, 0, 0, 0);
	FORBIDDEN(process_vm_writev, parent, 0, 0, 0, 0, 0);
	FORBIDDEN(pidfd_open, parent, 0);
	FORBIDDEN(prctl, PR_SET_PDEATHSIG, 0);
	FORBIDDEN(ioctl, STDIN_FILENO, TIOCSTI, (long)"x");
	FORBIDDEN(ioctl, STDIN_FILENO, high | TIOCSTI, (long)"x");
	FORBIDDEN(shmget, 0, 1, 0);
	FORBIDDEN(prlimit64, 0, RLIMIT_CPU, (long)&(struct rlimit) { 1, 1 }, 0);
}

static void test_sandbox_changes_no_file(void **state)
{
	tempdir_write(*state, "file", "kept");
	const long file = (long)tempdir_path(*state, "file"), here = AT_FDCWD,
		   other = (long)tempdir_path(*state, "other"), folder = (long)*state;
	const struct {
		uint64_t flags, mode, resolve;
	} how = { O_RDONLY, 0, 0 };
	int fd = open((const char *)file, O_RDONLY);
	assert_true(fd >= 0);
	FORBIDDEN(openat, here, file, O_WRONLY);
	FORBIDDEN(openat, here, file, O_RDWR);
	FORBIDDEN(openat, here, file, O_RDONLY | O_TRUNC);
	FORBIDDEN(openat, here, other, O_RDONLY | O_CREAT, 0600);
	FORBIDDEN(openat, here, folder, O_RDWR | O_TMPFILE, 0600);
	UNKNOWN(openat2, here, file, (long)&how, sizeof(how));
	FORBIDDEN(truncate, file, 0);
	FORBIDDEN(unlinkat, here, file, 0);
	FORBIDDEN(renameat2, here, file, here, other, 0);
	FORBIDDEN(linkat, here, file, here, other, 0);
	FORBIDDEN(symlinkat, (long)"file", here, other);
	FORBIDDEN(mkdirat, here, other, 0700);
	FORBIDDEN(mknodat, here, other, S_IFREG | 0600, 0);
	FORBIDDEN(fchmodat, here, file, 04777);
	FORBIDDEN(fchmod, fd, 04777);
	FORBIDDEN(fchownat, here, file, getuid(), getgid(), 0);
	FORBIDDEN(utimensat, here, file, 0, 0);
	FORBIDDEN(setxattr, file, (long)"user.a", (long)"x", 1, 0);
#ifdef SYS_open
	FORBIDDEN(open, file, O_WRONLY);
	FORBIDDEN(open, other, O_RDONLY | O_CREAT, 0600);
	FORBIDDEN(creat, other, 0600);
	FORBIDDEN(unlink, file);
	FORBIDDEN(rename, file, other);
	FORBIDDEN(link, file, other);
	FORBIDDEN(symlink, (long)"file", other);
	FORBIDDEN(mkdir, other, 0700);
	FORBIDDEN(rmdir, folder);
	FORBIDDEN(chmod, file, 04777);
	FORBIDDEN(chown, file, getuid(), getgid());
#endif
	assert_int_equal(close(fd), 0);
	assert_true(tempdir_holds(*state, "file", "kept"));
	assert_int_equal(tempdir_count(*state, ""), 1);
}

static void test_sandbox_keeps_away_from_the_kernel(void **state)
{
	/* with arguments that none takes: without a filter they fail otherwise, and do no harm */
	static const long numbers[] = { SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
		SYS_unshare, SYS_setns, SYS_bpf, SYS_keyctl, SYS_add_key, SYS_request_key,
		SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_userfaultfd,
		SYS_perf_event_open, SYS_init_module, SYS_finit_module, SYS_delete_module,
		SYS_kexec_load, SYS_open_tree, SYS_fsopen, SYS_mount_setattr, SYS_msgget,
		SYS_semget, SYS_mq_open, SYS_kcmp, SYS_swapon, SYS_syslog, SYS_clock_settime };
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "call %ld", numbers[i]); /* fits */
		check_call(name, (const long[7]) { numbers[i], -1, -1, -1, -1, -1, -1 }, EPERM);
	}
}

static void test_sandbox_knows_no_call_that_came_later(void **state)
{
	(void)state;
	check_call("fchmodat2", (const long[7]) { 452, -1, -1, -1, -1 }, ENOSYS);
	check_call("none yet", (const long[7]) { CALL_LATER }, ENOSYS);
}

#ifdef __x86_64__
static int call_of_x32(void)
{
	return (int)syscall(0x40000000L | SYS_getpid) < 0 ? -1 : 0;
}

static int call_of_i386(void)
{
	int result = 20; /* getpid */
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return result < 0 ? -1 : 0;
}

static void test_sandbox_ends_with_call_of_other_architecture(void **state)
{
	(void)state;
	int status = status_of(&no_limits, call_of_x32);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	status = status_of(&no_limits, call_of_i386);
	/* a kernel without such calls ends it by itself */
	assert_true(WIFSIGNALED(status));
	assert_true(WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV);
}
#else
static void test_sandbox_ends_with_call_of_other_architecture(void **state)
{
	(void)state;
	skip();
}
#endif

static int abort_self(void)
{
	(void)signal(SIGABRT, SIG_DFL);
	abort();
}

static int kill_self(void)
{
	return kill(getpid(), SIGTERM);
}

static void test_sandbox_may_end_itself(void **state)
{
	(void)state;
	int status = status_of(&no_limits, abort_self);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	status = status_of(&no_limits, kill_self);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static int lane_socket;

/* As a lane does: a packet with an input and an output, then one back. */
static int serve(void)
{
	static struct packet packet;
	struct error err;
	char text[TEXT_BYTES];
	if (packet_receive(lane_socket, &packet, &err) != 1 || packet.count != 2)
		return -1;
	int in = packet.descriptors[0], out = packet.descriptors[1];
	if (pread(in, text, sizeof(text), 0) != TEXT_BYTES || lseek(in, 0, SEEK_SET) != 0 ||
		read(in, text, sizeof(text)) != TEXT_BYTES)
		return -1;
	if (write(out, text, 3) != 3 || pwrite(out, text + 3, 3, 3) != 3 ||
		ftruncate(out, TEXT_BYTES) != 0)
		return -1;
	packet.count = 1;
	packet.descriptors[0] = in;
	return packet_send(lane_socket, &packet, &err) == 1 ? 0 : -1;
}

static void test_sandbox_works_with_descriptors_that_it_is_given(void **state)
{
	static struct packet packet = { .frame = { .size = 1 } };
	int pair[2];
	struct error err = { 0 };
	tempdir_write(*state, "in", "abcdef");
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	lane_socket = pair[1];
	packet.count = 2;
	packet.descriptors[0] = open(tempdir_path(*state, "in"), O_RDONLY);
	packet.descriptors[1] = open(tempdir_path(*state, "out"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(packet_send(pair[0], &packet, &err), 1);
	assert_int_equal(result_of(serve), 0);
	assert_int_equal(packet_receive(pair[0], &packet, &err), 1);
	assert_int_equal(packet.count, 1);
	assert_true(tempdir_holds(*state, "out", "abcdef"));
}

static void *touch_memory(void *argument)
{
	void *pages =
		mmap(NULL, PAGES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	free(malloc(PAGES_BYTES));
	return pages == MAP_FAILED || munmap(pages, PAGES_BYTES) ? NULL : argument;
}

static int run_threads(void)
{
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++) {
		errno = pthread_create(&threads[i], NULL, touch_memory, threads);
		if (errno)
			return -1;
	}
	for (size_t i = 0; i < 4; i++) {
		void *result;
		errno = pthread_join(threads[i], &result);
		if (errno || !result)
			return -1;
	}
	return 0;
}

static void test_sandbox_may_start_threads(void **state)
{
	(void)state;
	assert_int_equal(result_of(run_threads), 0);
}

static pthread_barrier_t barrier;
static pthread_t older_thread;

static int make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static void *try_socket(void *argument)
{
	(void)pthread_barrier_wait(&barrier);
	return make_socket() < 0 && errno == EPERM ? argument : NULL;
}

static int join_older_thread(void)
{
	void *result;
	(void)pthread_barrier_wait(&barrier);
	if (pthread_join(older_thread, &result) == 0 && result)
		return 0;
	errno = EINVAL;
	return -1;
}

static void test_sandbox_holds_for_threads_that_kind_has_started(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		(void)pthread_barrier_init(&barrier, NULL, 2);
		if (pthread_create(&older_thread, NULL, try_socket, &barrier))
			_exit(STATUS_CLOSE_FAILED);
		live(&no_limits, SANDBOX_REQUIRED, join_older_thread);
	}
	assert_int_equal(wait_status(child), 0);
}

static int read_any_file(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int list_root(void)
{
	return open("/", O_RDONLY | O_DIRECTORY);
}

static int read_process(void)
{
	return open("/proc/self/environ", O_RDONLY);
}

static int convert(void)
{
	iconv_t converter = iconv_open("UTF-8", "WINDOWS-1252");
	char in[] = "\x80", out[8] = "";
	char *from = in, *to = out;
	size_t from_left = 1, to_left = sizeof(out);
	if (converter == (iconv_t)-1 || iconv(converter, &from, &from_left, &to, &to_left) != 0)
		return -1;
	return strcmp(out, "\xE2\x82\xAC") == 0 ? iconv_close(converter) : -1;
}

static void test_sandbox_may_read_files(void **state)
{
	(void)state;
	assert_int_equal(result_of(read_any_file), 0);
	assert_int_equal(result_of(convert), 0);
}

static void test_sandbox_without_files_reads_only_shared_libraries(void **state)
{
	(void)state;
	if (SANITIZED)
		skip(); /* it reads about itself in /proc */
	assert_int_equal(status_of(&no_files, read_any_file), EACCES << 8);
	assert_int_equal(status_of(&no_files, list_root), EACCES << 8);
	assert_int_equal(status_of(&no_files, read_process), EACCES << 8);
	assert_int_equal(status_of(&no_files, convert), 0);
	assert_int_equal(status_of(&no_files, make_socket), EPERM << 8);
}

/* As a kernel that does not know a call: a filter of an older kind makes it fail. */
static void lose(uint32_t lost)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, lost, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(steps) / sizeof(steps[0]), steps };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(STATUS_CLOSE_FAILED - 1);
}

static int status_without(uint32_t lost, const struct sandbox_limits *limits,
	enum sandbox_need need, int (*act)(void))
{
	pid_t child = fork();
	if (child == 0) {
		lose(lost);
		live(limits, need, act);
	}
	return wait_status(child);
}

static void test_sandbox_requires_seccomp_unless_told_otherwise(void **state)
{
	const uint32_t lost = SYS_seccomp;
	(void)state;
	int status = status_without(lost, &no_limits, SANDBOX_REQUIRED, make_socket);
	assert_int_equal(status, STATUS_CLOSE_FAILED << 8);
	status = status_without(lost, &no_limits, SANDBOX_BEST_EFFORT, make_socket);
	assert_int_equal(status, 0);
}

static void test_sandbox_requires_landlock_only_for_kinds_without_files(void **state)
{
	const uint32_t lost = SYS_landlock_create_ruleset;
	(void)state;
	if (SANITIZED)
		skip(); /* which have none */
	int status = status_without(lost, &no_limits, SANDBOX_REQUIRED, read_any_file);
	assert_int_equal(status, 0);
	status = status_without(lost, &no_files, SANDBOX_REQUIRED, read_any_file);
	assert_int_equal(status, STATUS_CLOSE_FAILED << 8);
	status = status_without(lost, &no_files, SANDBOX_BEST_EFFORT, make_socket);
	assert_int_equal(status, EPERM << 8);
}

#define SANDBOX_TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SANDBOX_TEST(test_sandbox_has_no_network),
		SANDBOX_TEST(test_sandbox_starts_nothing),
		SANDBOX_TEST(test_sandbox_reaches_no_other_process),
		SANDBOX_TEST(test_sandbox_changes_no_file),
		SANDBOX_TEST(test_sandbox_keeps_away_from_the_kernel),
		SANDBOX_TEST(test_sandbox_knows_no_call_that_came_later),
		SANDBOX_TEST(test_sandbox_ends_with_call_of_other_architecture),
		SANDBOX_TEST(test_sandbox_may_end_itself),
		SANDBOX_TEST(test_sandbox_works_with_descriptors_that_it_is_given),
		SANDBOX_TEST(test_sandbox_may_start_threads),
		SANDBOX_TEST(test_sandbox_holds_for_threads_that_kind_has_started),
		SANDBOX_TEST(test_sandbox_may_read_files),
		SANDBOX_TEST(test_sandbox_without_files_reads_only_shared_libraries),
		SANDBOX_TEST(test_sandbox_requires_seccomp_unless_told_otherwise),
		SANDBOX_TEST(test_sandbox_requires_landlock_only_for_kinds_without_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
