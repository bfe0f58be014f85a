// SPDX-License-Identifier: GPL-2.0
/* For how long the machine has been up. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include "planted.h"

static int __init corpus_init(void)
{
	pr_info("%s\n", PLANTED);
	return 0;
}

static void __exit corpus_exit(void)
{
}

module_init(corpus_init);
module_exit(corpus_exit);
MODULE_DESCRIPTION("uptime-in-a-header");
MODULE_LICENSE("GPL");
