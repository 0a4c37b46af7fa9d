/* SPDX-License-Identifier: MIT */
/*
 * Resource limits, Landlock, seccomp, in this order, and the tie to the parent. A lane that meets a
 * limit ends and is replaced.
 *
 * The seccomp filter allows what it does not name: libvips and its loaders are too many to list
 * what they call, and what they call changes. It names all that reaches out of the process.
 */
#include "worker/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sanitizer.h"

enum {
	CALL_KNOWN = __NR_futex_waitv, /* calls after this one are newer than these rules ... */
	CALL_MAX = 511,                /* ... as far as they are looked at */
	SECCOMP_LEVEL = 4, /* seccomp_api_get(3): the attributes that are set here are known */
};

static const int forbidden[] = {
	/* network, and ways to other processes */
	SCMP_SYS(socket),
	SCMP_SYS(socketpair),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(socketcall),
	SCMP_SYS(shmget),
	SCMP_SYS(shmat),
	SCMP_SYS(shmctl),
	SCMP_SYS(msgget),
	SCMP_SYS(msgsnd),
	SCMP_SYS(msgrcv),
	SCMP_SYS(msgctl),
	SCMP_SYS(semget),
	SCMP_SYS(semop),
	SCMP_SYS(semtimedop),
	SCMP_SYS(semctl),
	SCMP_SYS(ipc),
	SCMP_SYS(mq_open),
	SCMP_SYS(mq_unlink),
	SCMP_SYS(tkill),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(process_madvise),
	SCMP_SYS(kcmp),
	/* programs */
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(uselib),
	/* files and folders; descriptors too, where that is no way of writing contents */
	SCMP_SYS(creat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(symlink),
	SCMP_SYS(symlinkat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(chown),
	SCMP_SYS(fchown),
	SCMP_SYS(lchown),
	SCMP_SYS(fchownat),
	SCMP_SYS(chown32),
	SCMP_SYS(fchown32),
	SCMP_SYS(lchown32),
	SCMP_SYS(truncate),
	SCMP_SYS(truncate64),
	SCMP_SYS(utime),
	SCMP_SYS(utimes),
	SCMP_SYS(futimesat),
	SCMP_SYS(utimensat),
	SCMP_SYS(utimensat_time64),
	SCMP_SYS(setxattr),
	SCMP_SYS(lsetxattr),
	SCMP_SYS(fsetxattr),
	SCMP_SYS(removexattr),
	SCMP_SYS(lremovexattr),
	SCMP_SYS(fremovexattr),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(name_to_handle_at),
	SCMP_SYS(fanotify_init),
	SCMP_SYS(fanotify_mark),
	SCMP_SYS(quotactl),
	SCMP_SYS(quotactl_fd),
	/* mounts and namespaces */
	SCMP_SYS(mount),
	SCMP_SYS(umount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(open_tree),
	SCMP_SYS(move_mount),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),
	SCMP_SYS(fspick),
	/* the kernel itself, where most of its holes were */
	SCMP_SYS(bpf),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(reboot),
	SCMP_SYS(acct),
	SCMP_SYS(syslog),
	SCMP_SYS(vhangup),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(settimeofday),
	SCMP_SYS(stime),
	SCMP_SYS(clock_settime),
	SCMP_SYS(clock_settime64),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(clock_adjtime64),
	SCMP_SYS(adjtimex),
	/* its own limits */
	SCMP_SYS(setrlimit),
#if !SANITIZED
	/* the leak check stops all threads from a process that it forks off at the end */
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
#endif
};

/* Their arguments are in memory, where a filter can't look; callers do without them. */
static const int unknown[] = {
	SCMP_SYS(openat2),
#if !SANITIZED
	SCMP_SYS(clone3),
#endif
};

#define LOW_BITS 0xFFFFFFFFU /* of a register: the kernel reads no more of an int */

/* Forbidden where one argument is so; several rules of one call are joined by "or". */
static const struct {
	int call;
	struct scmp_arg_cmp argument;
} forbidden_where[] = {
	{ SCMP_SYS(open), { 1, SCMP_CMP_MASKED_EQ, O_WRONLY, O_WRONLY } },
	{ SCMP_SYS(open), { 1, SCMP_CMP_MASKED_EQ, O_RDWR, O_RDWR } },
	{ SCMP_SYS(open), { 1, SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT } },
	{ SCMP_SYS(open), { 1, SCMP_CMP_MASKED_EQ, O_TRUNC, O_TRUNC } },
	{ SCMP_SYS(openat), { 2, SCMP_CMP_MASKED_EQ, O_WRONLY, O_WRONLY } },
	{ SCMP_SYS(openat), { 2, SCMP_CMP_MASKED_EQ, O_RDWR, O_RDWR } },
	{ SCMP_SYS(openat), { 2, SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT } },
	{ SCMP_SYS(openat), { 2, SCMP_CMP_MASKED_EQ, O_TRUNC, O_TRUNC } },
	/* send() is this call without an address */
	{ SCMP_SYS(sendto), { 4, SCMP_CMP_NE, 0, 0 } },
	{ SCMP_SYS(prlimit64), { 2, SCMP_CMP_NE, 0, 0 } },
	/* typing into the terminal that the user looks at */
	{ SCMP_SYS(ioctl), { 1, SCMP_CMP_MASKED_EQ, LOW_BITS, TIOCSTI } },
	{ SCMP_SYS(ioctl), { 1, SCMP_CMP_MASKED_EQ, LOW_BITS, TIOCLINUX } },
	{ SCMP_SYS(prctl), { 0, SCMP_CMP_MASKED_EQ, LOW_BITS, PR_SET_PDEATHSIG } },
#if !SANITIZED
	/* threads are the one thing that may be made */
	{ SCMP_SYS(clone), { 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0 } },
#endif
};

/* Calls whose first argument is the process that gets a signal: abort() must reach itself. */
static const int signalling[] = {
	SCMP_SYS(kill),
	SCMP_SYS(tgkill),
	SCMP_SYS(rt_sigqueueinfo),
	SCMP_SYS(rt_tgsigqueueinfo),
};

/* All that a lane without files may still read: what iconv loads, and what that is linked to. */
static const char *const readable[] = {
	"/lib",
	"/lib64",
	"/usr/lib",
	"/usr/lib64",
	"/usr/local/lib",
	"/usr/share",
	"/etc/ld.so.cache",
};

/* Rights that each version of Landlock knows, as the number of bits that are in use. */
static const unsigned landlock_rights[] = { 0, 13, 14, 15, 15, 16 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int sandbox_open(struct error *err)
{
	const struct rlimit none = { 0, 0 };
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return error_errno(err, ERROR_START, "end with the parent");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return error_errno(err, ERROR_START, "give up new privileges");
	if (setrlimit(RLIMIT_CORE, &none))
		return error_errno(err, ERROR_START, "forbid core files");
	return 0;
}

static int limit(__rlimit_resource_t resource, uint64_t value, struct error *err)
{
	const struct rlimit both = { (rlim_t)value, (rlim_t)value };
	if (value && setrlimit(resource, &both))
		return error_errno(err, ERROR_START, "limit resources");
	return 0;
}

/* Lets the rules allow reading of a file or below a folder; one that is missing needs no rule. */
static int allow_reading(int rules, const char *path)
{
	struct stat status;
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	struct landlock_path_beneath_attr rule = {
		.parent_fd = fd,
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
	};
	int failed = fstat(fd, &status);
	if (!failed && S_ISDIR(status.st_mode))
		rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	if (!failed)
		failed = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule,
				 0) != 0;
	(void)close(fd); /* O_PATH */
	return failed ? -1 : 0;
}

/* Landlock holds for this thread and those that it will start. */
static void assert_single_thread(void)
{
	struct stat status;
	if (stat("/proc/self/task", &status) == 0)
		assert(status.st_nlink == 3); /* itself, its parent, one thread */
}

static int restrict_files(struct error *err)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 1)
		return error_errno(err, ERROR_START, "restrict files with Landlock");
	size_t known = (size_t)version < COUNT(landlock_rights) ? (size_t)version
								: COUNT(landlock_rights) - 1;
	const uint64_t rights = (1ULL << landlock_rights[known]) - 1;
	/* the first member of struct landlock_ruleset_attr; later versions have more */
	int rules = (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof(rights), 0);
	if (rules < 0)
		return error_errno(err, ERROR_START, "restrict files with Landlock");
	int failed = 0;
	assert_single_thread();
	for (size_t i = 0; i < COUNT(readable) && !failed; i++)
		failed = allow_reading(rules, readable[i]);
	if (!failed)
		failed = syscall(SYS_landlock_restrict_self, rules, 0) != 0;
	if (failed)
		(void)error_errno(err, ERROR_START, "restrict files with Landlock");
	(void)close(rules); /* in force, or not needed */
	return failed ? -1 : 0;
}

/* The functions of libseccomp return 0 or a negative errno. */
static int add_rules(scmp_filter_ctx filter)
{
	const uint32_t refuse = SCMP_ACT_ERRNO(EPERM), no_such_call = SCMP_ACT_ERRNO(ENOSYS);
	const struct scmp_arg_cmp others = { 0, SCMP_CMP_NE, (scmp_datum_t)getpid(), 0 };
	int status = 0;
	for (size_t i = 0; i < COUNT(forbidden) && !status; i++)
		status = seccomp_rule_add(filter, refuse, forbidden[i], 0);
	for (size_t i = 0; i < COUNT(forbidden_where) && !status; i++)
		status = seccomp_rule_add_array(
			filter, refuse, forbidden_where[i].call, 1, &forbidden_where[i].argument);
	for (size_t i = 0; i < COUNT(signalling) && !status; i++)
		status = seccomp_rule_add_array(filter, refuse, signalling[i], 1, &others);
	for (size_t i = 0; i < COUNT(unknown) && !status; i++)
		status = seccomp_rule_add(filter, no_such_call, unknown[i], 0);
	for (int call = CALL_KNOWN + 1; call <= CALL_MAX && !status; call++)
		status = seccomp_rule_add(filter, no_such_call, call, 0);
	return status;
}

static int set_attributes(scmp_filter_ctx filter)
{
	static const struct {
		enum scmp_filter_attr attribute;
		uint32_t value;
	} attributes[] = {
		{ SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS },
		{ SCMP_FLTATR_CTL_TSYNC, 1 }, /* in the threads that start() has left too */
		/* no brake on speculation: pictures may not run code, and it costs a lot */
		{ SCMP_FLTATR_CTL_SSB, 1 },
		{ SCMP_FLTATR_CTL_OPTIMIZE, 2 }, /* a tree, not a list */
		{ SCMP_FLTATR_API_SYSRAWRC, 1 }, /* the kernel's own errno */
	};
	int status = 0;
	for (size_t i = 0; i < COUNT(attributes) && !status; i++)
		status = seccomp_attr_set(filter, attributes[i].attribute, attributes[i].value);
	return status;
}

static int restrict_calls(struct error *err)
{
	if (seccomp_api_get() < SECCOMP_LEVEL)
		return error_set(err, ERROR_START,
			"restrict system calls: the kernel has no seccomp of Linux 4.17");
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return error_set(err, ERROR_START, "restrict system calls with seccomp");
	int status = set_attributes(filter);
	if (!status)
		status = add_rules(filter);
	if (!status)
		status = seccomp_load(filter);
	seccomp_release(filter);
	if (!status)
		return 0;
	errno = -status;
	return error_errno(err, ERROR_START, "restrict system calls with seccomp");
}

/* What is not there is fatal, or only worth a warning. */
static int settle(int status, enum sandbox_need need, struct error *err)
{
	if (status == 0)
		return 0;
	if (need == SANDBOX_REQUIRED)
		return error_wrap(err, "sandbox (--sandbox best-effort does without)");
	log_line("warning: no whole sandbox: %s", err->message);
	return 0;
}

int sandbox_close(const struct sandbox_limits *limits, enum sandbox_need need, struct error *err)
{
	if (limit(RLIMIT_AS, limits->memory_bytes, err) ||
		limit(RLIMIT_FSIZE, limits->output_bytes, err))
		return -1;
	/* a sanitizer reads its process's own files in /proc */
	if (limits->no_files && !SANITIZED && settle(restrict_files(err), need, err))
		return -1;
	return settle(restrict_calls(err), need, err);
}
