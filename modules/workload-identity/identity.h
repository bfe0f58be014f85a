/* SPDX-License-Identifier: GPL-2.0 */
/* What is recorded about a process at exec. */
#ifndef WID_IDENTITY_H
#define WID_IDENTITY_H

#include <linux/bits.h>
#include <linux/sched.h>
#include <linux/types.h>

struct linux_binprm;

/* Bytes kept of a path, with its terminating NUL. */
#define WID_PATH_SIZE 512

/* Why a path is absent from a record. */
#define WID_EXE_LONG		BIT(0)	/* does not fit in WID_PATH_SIZE */
#define WID_EXE_ATOMIC		BIT(1)	/* could not be resolved without sleeping */
#define WID_FILENAME_LONG	BIT(2)	/* does not fit in WID_PATH_SIZE */

/**
 * struct wid_identity - one process, as it was when its last exec succeeded
 * @id: record number, given by the store and never reused by it
 * @tgid: process id in the initial pid namespace, the key of a record
 * @ns_tgid: process id in the process's own pid namespace
 * @ppid: process id of the parent, in the initial pid namespace
 * @uid: real user id; like all ids here, in the initial user namespace
 * @start_ns: when the process was forked, CLOCK_BOOTTIME
 * @exec_ns: when this record was made, CLOCK_BOOTTIME
 * @cgroup: id of its cgroup in the unified hierarchy, 0 without cgroups
 * @exe_dev: device of the file that is executed; for a script, its interpreter
 * @exe_ino: inode number of that file
 * @flags: WID_EXE_* and WID_FILENAME_*
 * @comm: command name, not trustworthy: the process may change it later
 * @exe: path of the file that is executed, as seen from the process's root
 * @filename: what was passed to execve(), which the caller chooses freely
 */
struct wid_identity {
	u64 id;
	pid_t tgid;
	pid_t ns_tgid;
	pid_t ppid;
	uid_t uid;
	uid_t euid;
	uid_t suid;
	uid_t fsuid;
	gid_t gid;
	gid_t egid;
	gid_t sgid;
	gid_t fsgid;
	u64 start_ns;
	u64 exec_ns;
	u64 cgroup;
	u32 user_ns;
	u32 pid_ns;
	u32 net_ns;
	u32 ipc_ns;
	u32 uts_ns;
	u32 cgroup_ns;
	u32 time_ns;
	dev_t exe_dev;
	u64 exe_ino;
	unsigned int flags;
	char comm[TASK_COMM_LEN];
	char exe[WID_PATH_SIZE];
	char filename[WID_PATH_SIZE];
};

void wid_identity_fill(struct wid_identity *identity,
		       const struct linux_binprm *bprm);

#endif /* WID_IDENTITY_H */
