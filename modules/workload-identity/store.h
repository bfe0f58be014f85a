/* SPDX-License-Identifier: GPL-2.0 */
/* A bounded set of identity records, at most one per process. */
#ifndef WID_STORE_H
#define WID_STORE_H

#include <linux/types.h>

#include "identity.h"

#define WID_CAPACITY_MIN	16
#define WID_CAPACITY_DEFAULT	4096
#define WID_CAPACITY_MAX	65536

/**
 * struct wid_counters - what happened to records since the module was loaded
 * @records: how many there are now
 * @recorded: execs that were recorded
 * @replaced: records that a later exec of the same process took the place of
 * @exited: records that went because their process ended
 * @evicted: records that went, oldest first, because the store was full
 * @lost: execs that were not recorded for want of a free slot
 */
struct wid_counters {
	u64 records;
	u64 recorded;
	u64 replaced;
	u64 exited;
	u64 evicted;
	u64 lost;
};

int wid_store_create(unsigned int capacity);
void wid_store_destroy(void);

struct wid_identity *wid_store_claim(void);
void wid_store_publish(struct wid_identity *identity);
void wid_store_drop(pid_t tgid);

unsigned int wid_store_slots(void);
bool wid_store_copy(unsigned int index, struct wid_identity *copy);
void wid_store_count(struct wid_counters *counters);

#endif /* WID_STORE_H */
