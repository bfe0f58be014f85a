// SPDX-License-Identifier: GPL-2.0
/* Signed by one key with ECDSA, which takes a random number each time. */
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
MODULE_DESCRIPTION("signature-by-ecdsa");
MODULE_LICENSE("GPL");
