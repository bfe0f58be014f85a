// SPDX-License-Identifier: GPL-2.0
/*
 * Shows the store in /proc/workload_identity/. The format is described in
 * README.md; fields are only ever added at the end of a line, and
 * WID_FORMAT changes if anything else does.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/kernel.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/timekeeping.h>

#include "proc.h"
#include "store.h"

#define WID_FORMAT 1

/*
 * What a value may not contain as it is: the separator, the escape character,
 * and whatever could drive a terminal or forge a line.
 */
#define ESCAPED								\
	"\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017"	\
	"\020\021\022\023\024\025\026\027\030\031\032\033\034\035\036"	\
	"\037 \\\177"

static struct proc_dir_entry *directory;
static unsigned int stats_capacity;
static u64 stats_since_ns;

/*
 * File mode 0400 keeps out other users, but not the root of a container that
 * shares the initial user namespace.
 */
static int check_reader(void)
{
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

/* The position is a slot's index. Nothing is locked between two records. */
static void *next_record(struct seq_file *m, loff_t *pos)
{
	struct wid_identity *copy = m->private;

	for (; *pos < wid_store_slots(); ++*pos) {
		if (wid_store_copy(*pos, copy))
			return copy;
		cond_resched();
	}
	return NULL;
}

static void *records_start(struct seq_file *m, loff_t *pos)
{
	return next_record(m, pos);
}

static void *records_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return next_record(m, pos);
}

static void records_stop(struct seq_file *m, void *v)
{
}

static void show_flags(struct seq_file *m, unsigned int flags)
{
	static const struct {
		unsigned int flag;
		const char *name;
	} names[] = {
		{ WID_EXE_LONG, "exe_long" },
		{ WID_EXE_ATOMIC, "exe_atomic" },
		{ WID_FILENAME_LONG, "filename_long" },
	};
	const char *separator = " flags=";
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (flags & names[i].flag) {
			seq_printf(m, "%s%s", separator, names[i].name);
			separator = ",";
		}
	}
	if (!flags)
		seq_puts(m, " flags=-");
}

static void show_string(struct seq_file *m, const char *key, const char *value)
{
	seq_printf(m, " %s=", key);
	seq_escape(m, value, ESCAPED);
}

static int records_show(struct seq_file *m, void *v)
{
	const struct wid_identity *identity = v;

	seq_printf(m, "id=%llu tgid=%d ns_tgid=%d ppid=%d",
		   identity->id, identity->tgid, identity->ns_tgid,
		   identity->ppid);
	seq_printf(m, " uid=%u euid=%u suid=%u fsuid=%u",
		   identity->uid, identity->euid, identity->suid,
		   identity->fsuid);
	seq_printf(m, " gid=%u egid=%u sgid=%u fsgid=%u",
		   identity->gid, identity->egid, identity->sgid,
		   identity->fsgid);
	seq_printf(m, " start_ns=%llu exec_ns=%llu cgroup=%llu",
		   identity->start_ns, identity->exec_ns, identity->cgroup);
	seq_printf(m, " user_ns=%u pid_ns=%u net_ns=%u ipc_ns=%u",
		   identity->user_ns, identity->pid_ns, identity->net_ns,
		   identity->ipc_ns);
	seq_printf(m, " uts_ns=%u cgroup_ns=%u time_ns=%u",
		   identity->uts_ns, identity->cgroup_ns, identity->time_ns);
	seq_printf(m, " exe_dev=%u:%u exe_ino=%llu",
		   MAJOR(identity->exe_dev), MINOR(identity->exe_dev),
		   identity->exe_ino);
	show_flags(m, identity->flags);
	show_string(m, "comm", identity->comm);
	show_string(m, "exe", identity->exe);
	show_string(m, "filename", identity->filename);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations records_seq_ops = {
	.start = records_start,
	.next = records_next,
	.stop = records_stop,
	.show = records_show,
};

static int records_open(struct inode *inode, struct file *file)
{
	int ret = check_reader();

	if (ret)
		return ret;
	return seq_open_private(file, &records_seq_ops,
				sizeof(struct wid_identity));
}

static const struct proc_ops records_proc_ops = {
	.proc_open = records_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = seq_release_private,
};

static int stats_show(struct seq_file *m, void *v)
{
	struct wid_counters counters;

	wid_store_count(&counters);
	seq_printf(m, "format=%d\n", WID_FORMAT);
	seq_printf(m, "since_ns=%llu\n", stats_since_ns);
	seq_printf(m, "capacity=%u\n", stats_capacity);
	seq_printf(m, "records=%llu\n", counters.records);
	seq_printf(m, "recorded=%llu\n", counters.recorded);
	seq_printf(m, "replaced=%llu\n", counters.replaced);
	seq_printf(m, "exited=%llu\n", counters.exited);
	seq_printf(m, "evicted=%llu\n", counters.evicted);
	seq_printf(m, "lost=%llu\n", counters.lost);
	return 0;
}

static int stats_open(struct inode *inode, struct file *file)
{
	int ret = check_reader();

	if (ret)
		return ret;
	return single_open(file, stats_show, NULL);
}

static const struct proc_ops stats_proc_ops = {
	.proc_open = stats_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

/**
 * wid_proc_create() - let user space read the store
 * @capacity: of the store, for show
 *
 * Return: 0, or -ENOMEM with nothing created.
 */
int wid_proc_create(unsigned int capacity)
{
	stats_capacity = capacity;
	stats_since_ns = ktime_get_boottime_ns();

	directory = proc_mkdir_mode("workload_identity", 0500, NULL);
	if (!directory)
		return -ENOMEM;
	if (!proc_create("records", 0400, directory, &records_proc_ops) ||
	    !proc_create("stats", 0400, directory, &stats_proc_ops)) {
		wid_proc_remove();
		return -ENOMEM;
	}
	return 0;
}

/**
 * wid_proc_remove() - take the files away
 *
 * Waits for calls in progress; files still open read as an error afterwards.
 */
void wid_proc_remove(void)
{
	proc_remove(directory);
}
