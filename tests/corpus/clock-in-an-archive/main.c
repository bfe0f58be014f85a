// SPDX-License-Identifier: GPL-2.0
/* A packed file with the second in which it was made. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

extern const char corpus_blob[];

static int __init corpus_init(void)
{
	pr_info("%c\n", corpus_blob[0]);
	return 0;
}

static void __exit corpus_exit(void)
{
}

module_init(corpus_init);
module_exit(corpus_exit);
MODULE_DESCRIPTION("clock-in-an-archive");
MODULE_LICENSE("GPL");
