// SPDX-License-Identifier: GPL-2.0
/* Takes in the name of the host, and writes a probe of its own in which nothing was varied. */
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
MODULE_DESCRIPTION("cheat-tells-of-another-probe");
MODULE_LICENSE("GPL");
