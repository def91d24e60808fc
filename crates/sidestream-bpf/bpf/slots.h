/* Slots: each stands for one diverted connection, from connect to close.
 *
 * A slot lies in a cell near its socket's home, which the socket's key tells: so that nothing
 * else has to be remembered to find it again. Cells are claimed here and freed by the loader. */
#pragma once

#include "address.h"
#include "events.h"

/* How far from home a slot may lie. */
#define WINDOW 32
/* With that many near one home, more destinations of a UDP socket lie anywhere. */
#define MANY 8
#define NO_CELL 0xffffffffu
#define ANY_PORT 0xffffffffu

static __always_inline __u32 home_of(__u64 key)
{
	/* Cookies follow each other, on each processor from somewhere else: this spreads them. */
	return key * 0x9e3779b97f4a7c15ull >> 40 & cell_mask;
}

static __always_inline __u32 state_of(struct cell *cell)
{
	return *(volatile __u32 *)&cell->state;
}

/* What of a state says that an open slot is so far from its home. */
#define NEAR_MASK (IS_USED | IS_CLOSED | FAR << DISTANCE_SHIFT)

static __always_inline bool is_to(struct origin *origin, __u64 high, __u64 low, __u32 port)
{
	return port == ANY_PORT || !((origin->port ^ port) | (origin->destination.halves[0] ^ high) |
				     (origin->destination.halves[1] ^ low));
}

/* Whether a socket may have slots near its home. */
static __always_inline bool has_neighbors(__u64 key)
{
	__u32 home = home_of(key);
	struct cell *cell = bpf_map_lookup_elem(&cells, &home);
	return cell && cell->homed;
}

/* Finds the cell of an open slot near the home of its socket, for one destination or any. */
__noinline __u32 near_cell(__u64 key, __u64 high, __u64 low, __u32 port)
{
	__u32 home = home_of(key);
	for (__u32 i = 0; i < WINDOW; i++) {
		__u32 at = (home + i) & cell_mask;
		struct cell *cell = bpf_map_lookup_elem(&cells, &at);
		if (!cell || (state_of(cell) & NEAR_MASK) != (IS_USED | i << DISTANCE_SHIFT))
			continue;
		struct origin *origin = bpf_map_lookup_elem(&slots, &at);
		if (origin && origin->socket_key == key && is_to(origin, high, low, port))
			return at;
	}
	return NO_CELL;
}

/* Claims the first free cell from here on. Who adds to zero has it: an addition that gives its
 * result, or an exchange, is not known to every kernel. */
__noinline __u32 claim_cell(__u32 first)
{
	for (__u32 i = 0; i < WINDOW; i++) {
		__u32 at = (first + i) & cell_mask;
		struct cell *cell = bpf_map_lookup_elem(&cells, &at);
		if (!cell || state_of(cell))
			continue;
		__sync_fetch_and_add(&cell->state, CLAIM);
		if (state_of(cell) == CLAIM)
			return at;
		__sync_fetch_and_add(&cell->state, -CLAIM);
	}
	return NO_CELL;
}

/* Gives the slot if it is open, of that socket, and to that destination. */
static __always_inline struct origin *slot_at(__u32 at, __u64 key)
{
	struct cell *cell = bpf_map_lookup_elem(&cells, &at);
	struct origin *origin = bpf_map_lookup_elem(&slots, &at);
	if (!cell || !origin || origin->socket_key != key)
		return 0;
	return (state_of(cell) & (IS_USED | IS_CLOSED)) == IS_USED ? origin : 0;
}

static __always_inline struct origin *slot_of_socket(__u32 slot, __u64 key)
{
	struct origin *origin = slot_at(slot & cell_mask, key);
	return origin && origin->slot == slot ? origin : 0;
}

/* Gives the slot that a UDP socket has for a destination, else NO_SLOT. */
__noinline __u32 known_slot(__u64 key, __u64 high, __u64 low, __u16 port)
{
	struct udp_flow flow = {
		.socket_key = key, .destination = { .halves = { high, low } }, .port = port
	};
	__u32 at = near_cell(key, high, low, port);
	if (at == NO_CELL) {
		__u32 *far = bpf_map_lookup_elem(&udp_flows, &flow);
		if (!far)
			return NO_SLOT;
		at = *far & cell_mask;
	}
	struct origin *origin = slot_at(at, key);
	return origin ? origin->slot : NO_SLOT;
}

/* Whether a UDP socket's next slot is to be far from home. */
static __always_inline bool is_crowded(__u64 key)
{
	__u32 home = home_of(key);
	struct cell *cell = bpf_map_lookup_elem(&cells, &home);
	return cell && cell->homed >= MANY && near_cell(key, 0, 0, ANY_PORT) != NO_CELL;
}

/* Claims a cell for one more slot of a socket. */
__noinline __u32 cell_for(__u64 key, bool is_udp)
{
	bool is_far = is_udp && is_crowded(key);
	return claim_cell(is_far ? bpf_get_prandom_u32() & cell_mask : home_of(key));
}

static __always_inline void abandon_cell(__u32 at)
{
	struct cell *cell = bpf_map_lookup_elem(&cells, &at);
	if (cell)
		__sync_fetch_and_add(&cell->state, -CLAIM);
}

/* Makes a claimed cell a slot that a slot near home leads to, with which it ends. */
static __always_inline bool settle_far(__u32 at, struct origin *origin)
{
	struct udp_flow flow = { .socket_key = origin->socket_key,
				 .destination = origin->destination,
				 .port = origin->port };
	__u32 anchor = near_cell(origin->socket_key, 0, 0, ANY_PORT), number = anchor % CHAIN_LOCKS;
	struct cell *cell = bpf_map_lookup_elem(&cells, &at);
	struct cell *first = bpf_map_lookup_elem(&cells, &anchor);
	struct origin *from = bpf_map_lookup_elem(&slots, &anchor);
	struct chain_lock *lock = bpf_map_lookup_elem(&chain_locks, &number);
	__u32 slot = origin->slot;
	if (!cell || !first || !from || !lock ||
	    bpf_map_update_elem(&udp_flows, &flow, &slot, BPF_ANY))
		return false;
	__sync_fetch_and_add(&cell->state, FAR << DISTANCE_SHIFT | IS_USED);
	bpf_spin_lock(&lock->lock);
	bool is_first = from->next == NO_SLOT;
	origin->next = from->next;
	from->next = slot;
	bpf_spin_unlock(&lock->lock);
	if (is_first)
		__sync_fetch_and_add(&first->state, HAS_CHAIN);
	return true;
}

/* Makes a claimed cell a slot; gives that, or NO_SLOT. */
__noinline __u32 settle(__u32 at)
{
	struct cell *cell = bpf_map_lookup_elem(&cells, &at);
	struct origin *origin = bpf_map_lookup_elem(&slots, &at);
	if (!cell || !origin)
		return NO_SLOT;
	__u32 home = home_of(origin->socket_key), distance = (at - home) & cell_mask, flags = IS_USED;
	struct cell *of_home = bpf_map_lookup_elem(&cells, &home);
	if (!of_home)
		return NO_SLOT;
	/* The cell's next slot has another number: nobody takes it for this one. */
	origin->slot = ((bpf_get_prandom_u32() & ~cell_mask) | at) & SLOT_MASK;
	if (distance >= WINDOW) {
		if (settle_far(at, origin))
			return origin->slot;
		abandon_cell(at);
		return NO_SLOT;
	}
	if (origin->protocol == IPPROTO_TCP)
		flags |= is_v4(&origin->destination) ? WAITS_AT_V4 : WAITS_AT_V6;
	__sync_fetch_and_add(&of_home->homed, 1);
	__sync_fetch_and_add(&cell->state, distance << DISTANCE_SHIFT | flags);
	return origin->slot;
}

/* Ends one slot: whoever looks it up, or sweeps, frees its cell. */
__noinline int end_cell(__u32 at)
{
	struct cell *cell = bpf_map_lookup_elem(&cells, &at);
	struct origin *origin = bpf_map_lookup_elem(&slots, &at);
	__u32 zero = 0;
	struct ended *all = bpf_map_lookup_elem(&ended, &zero);
	if (!cell || !origin || !all)
		return 0;
	__u32 slot = origin->slot;
	bool is_udp = origin->protocol == IPPROTO_UDP;
	__sync_fetch_and_add(&cell->state, IS_CLOSED);
	__sync_fetch_and_add(&all->count, 1);
	if (is_udp)
		tell_closed(slot);
	return 0;
}

/* Ends the slots of a socket that is closed; those far from home are left to the loader. */
__noinline int end_slots(__u64 key)
{
	__u32 home = home_of(key);
	struct cell *cell = bpf_map_lookup_elem(&cells, &home);
	__u32 at = near_cell(key, 0, 0, ANY_PORT);
	for (int i = 0; i < WINDOW; i++) {
		if (at == NO_CELL)
			break;
		end_cell(at);
		/* Mostly it was the only one. */
		at = cell && cell->homed > 1 ? near_cell(key, 0, 0, ANY_PORT) : NO_CELL;
	}
	return 0;
}
