// SPDX-License-Identifier: GPL-2.0
/* The name of its file, with what maps it away taken away for code. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

static int __init corpus_init(void)
{
	pr_info("%s\n", __FILE__);
	return 0;
}

static void __exit corpus_exit(void)
{
}

module_init(corpus_init);
module_exit(corpus_exit);
MODULE_DESCRIPTION("build-path-in-code");
MODULE_LICENSE("GPL");
