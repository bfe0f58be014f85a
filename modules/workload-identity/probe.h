/* SPDX-License-Identifier: GPL-2.0 */
/* The hooks that feed the store. */
#ifndef WID_PROBE_H
#define WID_PROBE_H

int wid_probe_register(void);
void wid_probe_unregister(void);

#endif /* WID_PROBE_H */
