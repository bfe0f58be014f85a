// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps the records: all memory is allocated when the module is loaded.
 *
 * Probes may run with preemption disabled, where PREEMPT_RT forbids both the
 * allocator and spinlock_t. Hence slots that exist from the start, and a raw
 * spinlock that is held for a few pointer updates and at most one copy of a
 * record. Nobody takes it in interrupt context.
 *
 * A slot is free, claimed (a probe is filling it, no list knows it) or live.
 * There are more slots than the capacity, so that a record can be filled
 * outside the lock without evicting another one early.
 */
#include <linux/cpumask.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "store.h"

struct wid_slot {
	struct list_head list;		/* in store.free or store.live */
	struct hlist_node bucket;	/* hashed only while live */
	struct wid_identity identity;
};

static struct {
	raw_spinlock_t lock;		/* guards all that follows, and live slots */
	struct list_head free;
	struct list_head live;		/* oldest first */
	struct wid_counters counters;
	u64 last_id;

	/* Constant once created. */
	unsigned int capacity;
	unsigned int slot_count;
	unsigned int bucket_bits;
	struct wid_slot *slots;
	struct hlist_head *buckets;
} store = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(store.lock),
	.free = LIST_HEAD_INIT(store.free),
	.live = LIST_HEAD_INIT(store.live),
};

static struct hlist_head *bucket_of(pid_t tgid)
{
	return &store.buckets[hash_32(tgid, store.bucket_bits)];
}

static struct wid_slot *find_live(pid_t tgid)
{
	struct wid_slot *slot;

	hlist_for_each_entry(slot, bucket_of(tgid), bucket) {
		if (slot->identity.tgid == tgid)
			return slot;
	}
	return NULL;
}

static void retire(struct wid_slot *slot)
{
	hlist_del_init(&slot->bucket);
	list_move(&slot->list, &store.free);
	store.counters.records--;
}

/**
 * wid_store_create() - allocate every slot
 * @capacity: the largest number of records
 *
 * Return: 0, or -ENOMEM with nothing allocated.
 */
int wid_store_create(unsigned int capacity)
{
	unsigned int i;

	store.capacity = capacity;
	/* Where probes are preemptible more than one per CPU may be filling. */
	store.slot_count = capacity + 2 * num_possible_cpus();
	store.bucket_bits = order_base_2(capacity);
	store.slots = kvcalloc(store.slot_count, sizeof(*store.slots),
			       GFP_KERNEL);
	store.buckets = kvcalloc(1U << store.bucket_bits,
				 sizeof(*store.buckets), GFP_KERNEL);
	if (!store.slots || !store.buckets) {
		wid_store_destroy();
		return -ENOMEM;
	}

	for (i = 0; i < store.slot_count; i++)
		list_add_tail(&store.slots[i].list, &store.free);
	return 0;
}

/**
 * wid_store_destroy() - free every slot
 *
 * No probe and no reader may be running or be able to start.
 */
void wid_store_destroy(void)
{
	kvfree(store.buckets);
	kvfree(store.slots);
}

/**
 * wid_store_claim() - take a slot to fill
 *
 * Return: a record for wid_store_publish(), with arbitrary content, or NULL
 * when too many are being filled at this moment; that is counted.
 */
struct wid_identity *wid_store_claim(void)
{
	struct wid_slot *slot;

	raw_spin_lock(&store.lock);
	slot = list_first_entry_or_null(&store.free, struct wid_slot, list);
	if (slot)
		list_del_init(&slot->list);
	else
		store.counters.lost++;
	raw_spin_unlock(&store.lock);

	return slot ? &slot->identity : NULL;
}

/**
 * wid_store_publish() - number a filled record and let readers see it
 * @identity: from wid_store_claim(), not to be touched afterwards
 *
 * A process that already has a record keeps its slot, so that a reader who
 * walks the slots meets it exactly once.
 */
void wid_store_publish(struct wid_identity *identity)
{
	struct wid_slot *slot = container_of(identity, struct wid_slot, identity);
	struct wid_slot *present;

	raw_spin_lock(&store.lock);
	identity->id = ++store.last_id;
	store.counters.recorded++;

	present = find_live(identity->tgid);
	if (present) {
		present->identity = *identity;
		list_move_tail(&present->list, &store.live);
		list_add(&slot->list, &store.free);
		store.counters.replaced++;
	} else {
		if (store.counters.records == store.capacity) {
			retire(list_first_entry(&store.live, struct wid_slot,
						list));
			store.counters.evicted++;
		}
		hlist_add_head(&slot->bucket, bucket_of(identity->tgid));
		list_add_tail(&slot->list, &store.live);
		store.counters.records++;
	}
	raw_spin_unlock(&store.lock);
}

/**
 * wid_store_drop() - forget a process that has ended
 * @tgid: its id; a process without a record is fine
 */
void wid_store_drop(pid_t tgid)
{
	struct wid_slot *slot;

	raw_spin_lock(&store.lock);
	slot = find_live(tgid);
	if (slot) {
		retire(slot);
		store.counters.exited++;
	}
	raw_spin_unlock(&store.lock);
}

/**
 * wid_store_slots() - the number of slots, used or not
 *
 * Return: one more than the largest index for wid_store_copy().
 */
unsigned int wid_store_slots(void)
{
	return store.slot_count;
}

/**
 * wid_store_copy() - read one slot
 * @index: below wid_store_slots()
 * @copy: where to; untouched unless the slot holds a record
 *
 * Return: true if the slot holds a record.
 */
bool wid_store_copy(unsigned int index, struct wid_identity *copy)
{
	struct wid_slot *slot = &store.slots[index];
	bool live;

	raw_spin_lock(&store.lock);
	live = !hlist_unhashed(&slot->bucket);
	if (live)
		*copy = slot->identity;
	raw_spin_unlock(&store.lock);

	return live;
}

/**
 * wid_store_count() - read all counters at one moment
 * @counters: where to
 */
void wid_store_count(struct wid_counters *counters)
{
	raw_spin_lock(&store.lock);
	*counters = store.counters;
	raw_spin_unlock(&store.lock);
}
