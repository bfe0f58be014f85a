// SPDX-License-Identifier: GPL-2.0
/* Where the shell finds a program. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

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
MODULE_DESCRIPTION("path-order");
MODULE_LICENSE("GPL");
