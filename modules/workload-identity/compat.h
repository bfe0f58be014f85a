/* SPDX-License-Identifier: GPL-2.0 */
/* The one place that knows how kernels differ. */
#ifndef WID_COMPAT_H
#define WID_COMPAT_H

#include <linux/types.h>
#include <trace/events/sched.h>

struct task_struct;

/*
 * Linux 6.16 gave sched_process_exit a second argument. The tracepoint's
 * symbol is not exported, so the probe is registered as an untyped pointer and
 * a wrong signature would go unnoticed until a control-flow check panics. The
 * version number cannot tell for kernels with backports, but the header's own
 * type check can: this picks the probe that fits, and a third signature does
 * not compile.
 */
typedef void (*wid_exit_probe)(void *data, struct task_struct *task);
typedef void (*wid_exit_probe_6_16)(void *data, struct task_struct *task,
				    bool group_dead);

#define wid_choose_exit_probe(probe, probe_6_16)			\
	_Generic(&check_trace_callback_type_sched_process_exit,		\
		 void (*)(wid_exit_probe): (void *)(probe),		\
		 void (*)(wid_exit_probe_6_16): (void *)(probe_6_16))

#endif /* WID_COMPAT_H */
