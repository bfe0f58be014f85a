/* SPDX-License-Identifier: GPL-2.0 */
	.section .rodata
	.globl corpus_table
corpus_table:
	.incbin "table.bin"
