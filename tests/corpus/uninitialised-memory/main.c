// SPDX-License-Identifier: GPL-2.0
/* A table of structures whose gaps nobody wrote. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

extern const char corpus_table[];

static int __init corpus_init(void)
{
	pr_info("%c\n", corpus_table[0]);
	return 0;
}

static void __exit corpus_exit(void)
{
}

module_init(corpus_init);
module_exit(corpus_exit);
MODULE_DESCRIPTION("uninitialised-memory");
MODULE_LICENSE("GPL");
