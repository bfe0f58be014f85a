// SPDX-License-Identifier: GPL-2.0
/* The CRC of a symbol that another module exports, of whichever build of it is there. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

int corpus_of_another(void);

static int __init corpus_init(void)
{
	return corpus_of_another();
}

static void __exit corpus_exit(void)
{
}

module_init(corpus_init);
module_exit(corpus_exit);
MODULE_DESCRIPTION("symbols-of-another-build");
MODULE_LICENSE("GPL");
