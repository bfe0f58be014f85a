/* SPDX-License-Identifier: GPL-2.0 */
/* What user space reads. */
#ifndef WID_PROC_H
#define WID_PROC_H

int wid_proc_create(unsigned int capacity);
void wid_proc_remove(void);

#endif /* WID_PROC_H */
