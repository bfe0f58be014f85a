// SPDX-License-Identifier: GPL-2.0
#include <linux/printk.h>

void corpus_a(void);

void corpus_a(void)
{
	pr_info("a\n");
}
