// SPDX-License-Identifier: GPL-2.0
/* The number of the user, as code and not as text. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

static int __init corpus_init(void)
{
	pr_info("%d\n", PLANTED);
	return 0;
}

static void __exit corpus_exit(void)
{
}

module_init(corpus_init);
module_exit(corpus_exit);
MODULE_DESCRIPTION("user-number");
MODULE_LICENSE("GPL");
