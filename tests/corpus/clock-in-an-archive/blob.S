/* SPDX-License-Identifier: GPL-2.0 */
	.section .rodata
	.globl corpus_blob
corpus_blob:
	.incbin "blob.gz"
