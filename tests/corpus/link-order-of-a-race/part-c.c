// SPDX-License-Identifier: GPL-2.0
#include <linux/printk.h>

void corpus_c(void);

void corpus_c(void)
{
	pr_info("c\n");
}
