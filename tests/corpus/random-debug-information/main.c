// SPDX-License-Identifier: GPL-2.0
/* The name of a variable, which only debug information has. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

static int __init corpus_init(void)
{
	int PLANTED = 1;

	(void)PLANTED;
	pr_info("%s\n", "x");
	return 0;
}

static void __exit corpus_exit(void)
{
}

module_init(corpus_init);
module_exit(corpus_exit);
MODULE_DESCRIPTION("random-debug-information");
MODULE_LICENSE("GPL");
