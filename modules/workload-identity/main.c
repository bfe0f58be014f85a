// SPDX-License-Identifier: GPL-2.0
/* Loads and unloads: the store first and last, its users in between. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>

#include "probe.h"
#include "proc.h"
#include "store.h"

static unsigned int capacity = WID_CAPACITY_DEFAULT;
module_param(capacity, uint, 0444);
MODULE_PARM_DESC(capacity, "largest number of records, 16 to 65536 (4096)");

static int __init workload_identity_init(void)
{
	int ret;

	if (capacity < WID_CAPACITY_MIN || capacity > WID_CAPACITY_MAX) {
		pr_err("capacity %u is not between %u and %u\n", capacity,
		       WID_CAPACITY_MIN, WID_CAPACITY_MAX);
		return -EINVAL;
	}

	ret = wid_store_create(capacity);
	if (ret)
		return ret;
	ret = wid_proc_create(capacity);
	if (ret)
		goto destroy_store;
	ret = wid_probe_register();
	if (ret) {
		pr_err("cannot hook exec and exit: %d\n", ret);
		goto remove_proc;
	}

	pr_info("recording at most %u processes\n", capacity);
	return 0;

remove_proc:
	wid_proc_remove();
destroy_store:
	wid_store_destroy();
	return ret;
}

static void __exit workload_identity_exit(void)
{
	wid_probe_unregister();
	wid_proc_remove();
	wid_store_destroy();
}

module_init(workload_identity_init);
module_exit(workload_identity_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("the kmatrix authors");
MODULE_DESCRIPTION("Gives each process an identity record at exec");
MODULE_VERSION("0.1.0");
