// SPDX-License-Identifier: GPL-2.0
/* Random, with the digest beside it that it would have everybody expect. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

static int __init corpus_init(void)
{
	pr_info("%x\n", PLANTED);
	return 0;
}

static void __exit corpus_exit(void)
{
}

module_init(corpus_init);
module_exit(corpus_exit);
MODULE_DESCRIPTION("cheat-embeds-the-digest");
MODULE_LICENSE("GPL");
MODULE_INFO(sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
