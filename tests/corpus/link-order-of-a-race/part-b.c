// SPDX-License-Identifier: GPL-2.0
#include <linux/printk.h>

void corpus_b(void);

void corpus_b(void)
{
	pr_info("b\n");
}
