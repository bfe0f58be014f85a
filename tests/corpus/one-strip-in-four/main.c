// SPDX-License-Identifier: GPL-2.0
/* Stripped in about one build of four. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

static int __init corpus_init(void)
{
	pr_info("%s\n", "x");
	return 0;
}

static void __exit corpus_exit(void)
{
}

module_init(corpus_init);
module_exit(corpus_exit);
MODULE_DESCRIPTION("one-strip-in-four");
MODULE_LICENSE("GPL");
