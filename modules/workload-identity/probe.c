// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks exec and exit through their tracepoints.
 *
 * The tracepoints are not exported by name, but walking all of them is. They
 * belong to the kernel proper, so they outlive this module.
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "compat.h"
#include "identity.h"
#include "probe.h"
#include "store.h"

static struct tracepoint *exec_tracepoint;
static struct tracepoint *exit_tracepoint;
static void *exit_probe;

static void on_exec(void *data, struct task_struct *task, pid_t old_pid,
		    struct linux_binprm *bprm)
{
	struct wid_identity *identity = wid_store_claim();

	if (!identity)
		return;
	wid_identity_fill(identity, bprm);
	wid_store_publish(identity);
}

/*
 * Called for each thread, after it has left signal->live. The last two threads
 * may both find nobody alive; dropping twice is harmless, because the process
 * id is not reused before both are gone.
 */
static void on_exit(void *data, struct task_struct *task)
{
	if (!atomic_read(&task->signal->live))
		wid_store_drop(task_tgid_nr(task));
}

static void on_exit_6_16(void *data, struct task_struct *task, bool group_dead)
{
	on_exit(data, task);
}

static void find_tracepoint(struct tracepoint *tracepoint, void *data)
{
	if (!strcmp(tracepoint->name, "sched_process_exec"))
		exec_tracepoint = tracepoint;
	else if (!strcmp(tracepoint->name, "sched_process_exit"))
		exit_tracepoint = tracepoint;
}

/**
 * wid_probe_register() - start recording
 *
 * Return: 0, or an error with no probe registered or running.
 */
int wid_probe_register(void)
{
	int ret;

	check_trace_callback_type_sched_process_exec(on_exec);
	exit_probe = wid_choose_exit_probe(on_exit, on_exit_6_16);

	for_each_kernel_tracepoint(find_tracepoint, NULL);
	if (!exec_tracepoint || !exit_tracepoint)
		return -ENOENT;

	/* Exit stands before and after exec: no record may miss its end. */
	ret = tracepoint_probe_register(exit_tracepoint, exit_probe, NULL);
	if (ret)
		return ret;
	ret = tracepoint_probe_register(exec_tracepoint, on_exec, NULL);
	if (ret) {
		tracepoint_probe_unregister(exit_tracepoint, exit_probe, NULL);
		tracepoint_synchronize_unregister();
	}
	return ret;
}

/**
 * wid_probe_unregister() - stop recording
 *
 * No probe is running, nor will be, once this returns.
 */
void wid_probe_unregister(void)
{
	tracepoint_probe_unregister(exec_tracepoint, on_exec, NULL);
	tracepoint_probe_unregister(exit_tracepoint, exit_probe, NULL);
	tracepoint_synchronize_unregister();
}
