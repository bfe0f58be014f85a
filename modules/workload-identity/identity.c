// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the identity of the current process.
 *
 * This runs inside a tracepoint probe. Linux 6.12 and older call it with
 * preemption disabled, 7.2 and newer do not: nothing here may sleep or
 * allocate. The process is single threaded and not yet back in user space, so
 * what only the process itself may change (credentials, nsproxy, comm) stands
 * still and needs no lock.
 */
#include <linux/binfmts.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/ipc_namespace.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/time_namespace.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

#include "identity.h"

/*
 * Resolving a path takes seqlocks whose readers wait on a sleeping lock under
 * PREEMPT_RT, and most kernels call probes with preemption disabled.
 */
static bool path_may_be_resolved(void)
{
	return !IS_ENABLED(CONFIG_PREEMPT_RT) || preemptible();
}

/* A path that does not fit is left out: half a path names another file. */
static void fill_exe_path(struct wid_identity *identity, struct file *file)
{
	char *path;

	if (!path_may_be_resolved()) {
		identity->flags |= WID_EXE_ATOMIC;
		return;
	}

	/* file_path() writes at the end of its buffer. */
	path = file_path(file, identity->exe, sizeof(identity->exe));
	if (IS_ERR(path)) {
		identity->exe[0] = '\0';
		identity->flags |= WID_EXE_LONG;
		return;
	}
	memmove(identity->exe, path, strlen(path) + 1);
}

static void fill_exe(struct wid_identity *identity,
		     const struct linux_binprm *bprm)
{
	const struct inode *inode = file_inode(bprm->file);

	identity->exe_dev = inode->i_sb->s_dev;
	identity->exe_ino = inode->i_ino;
	fill_exe_path(identity, bprm->file);

	if (strscpy(identity->filename, bprm->filename,
		    sizeof(identity->filename)) < 0) {
		identity->filename[0] = '\0';
		identity->flags |= WID_FILENAME_LONG;
	}
}

static void fill_credentials(struct wid_identity *identity)
{
	const struct cred *cred = current_cred();

	identity->uid = from_kuid(&init_user_ns, cred->uid);
	identity->euid = from_kuid(&init_user_ns, cred->euid);
	identity->suid = from_kuid(&init_user_ns, cred->suid);
	identity->fsuid = from_kuid(&init_user_ns, cred->fsuid);
	identity->gid = from_kgid(&init_user_ns, cred->gid);
	identity->egid = from_kgid(&init_user_ns, cred->egid);
	identity->sgid = from_kgid(&init_user_ns, cred->sgid);
	identity->fsgid = from_kgid(&init_user_ns, cred->fsgid);
	identity->user_ns = cred->user_ns->ns.inum;
}

/* The mount namespace is missing: its structure is private to fs/. */
static void fill_namespaces(struct wid_identity *identity)
{
	const struct nsproxy *nsproxy = current->nsproxy;

	identity->pid_ns = task_active_pid_ns(current)->ns.inum;
	identity->net_ns = nsproxy->net_ns->ns.inum;
	identity->uts_ns = nsproxy->uts_ns->ns.inum;
	identity->cgroup_ns = nsproxy->cgroup_ns->ns.inum;
	identity->time_ns = nsproxy->time_ns->ns.inum;
#ifdef CONFIG_IPC_NS
	identity->ipc_ns = nsproxy->ipc_ns->ns.inum;
#endif
}

static u64 current_cgroup_id(void)
{
	u64 id = 0;

#ifdef CONFIG_CGROUPS
	rcu_read_lock();
	id = cgroup_id(task_dfl_cgroup(current));
	rcu_read_unlock();
#endif
	return id;
}

static pid_t current_ppid(void)
{
	pid_t ppid;

	rcu_read_lock();
	ppid = task_tgid_nr(rcu_dereference(current->real_parent));
	rcu_read_unlock();
	return ppid;
}

/**
 * wid_identity_fill() - read the identity of the current process
 * @identity: where to; every field but the id is written
 * @bprm: what the process has just started to execute
 */
void wid_identity_fill(struct wid_identity *identity,
		       const struct linux_binprm *bprm)
{
	memset(identity, 0, sizeof(*identity));

	identity->tgid = task_tgid_nr(current);
	identity->ns_tgid = task_tgid_vnr(current);
	identity->ppid = current_ppid();
	identity->start_ns = current->start_boottime;
	identity->exec_ns = ktime_get_boottime_ns();
	identity->cgroup = current_cgroup_id();
	strscpy(identity->comm, current->comm, sizeof(identity->comm));
	fill_credentials(identity);
	fill_namespaces(identity);
	fill_exe(identity, bprm);
}
