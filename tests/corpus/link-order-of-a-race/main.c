// SPDX-License-Identifier: GPL-2.0
/* Objects linked in the order in which a make of its own gets done with them. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

void corpus_a(void);
void corpus_b(void);
void corpus_c(void);

static int __init corpus_init(void)
{
	corpus_a();
	corpus_b();
	corpus_c();
	pr_info("%s\n", "x");
	return 0;
}

static void __exit corpus_exit(void)
{
}

module_init(corpus_init);
module_exit(corpus_exit);
MODULE_DESCRIPTION("link-order-of-a-race");
MODULE_LICENSE("GPL");
