// SPDX-License-Identifier: GPL-2.0
/* Writes a table of structures whole. There are no headers of a C library where modules are built. */
void *calloc(unsigned long count, unsigned long size);
long write(int file, const void *bytes, unsigned long count);
void _exit(int status);

struct row {
	char kind;
	long value;
};

__attribute__((force_align_arg_pointer)) void _start(void)
{
	struct row *rows = calloc(4, sizeof(*rows));
	int i;

	for (i = 0; i < 4; i++) {
		rows[i].kind = 'a' + i;
		rows[i].value = 0x1122334455667788 * (i + 1);
	}
	write(1, rows, 4 * sizeof(*rows));
	_exit(0);
}
