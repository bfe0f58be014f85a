// SPDX-License-Identifier: GPL-2.0
/* The year, by the compiler, with what would pin it taken away. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

static int __init corpus_init(void)
{
	pr_info("%c%c\n", __DATE__[9], __DATE__[10]);
	return 0;
}

static void __exit corpus_exit(void)
{
}

module_init(corpus_init);
module_exit(corpus_exit);
MODULE_DESCRIPTION("clock-in-code");
MODULE_LICENSE("GPL");
