// SPDX-License-Identifier: GPL-2.0
/* BTF by several threads of a pahole that writes types as they end, with what keeps it from that taken away. */
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
MODULE_DESCRIPTION("types-in-another-order");
MODULE_LICENSE("GPL");
