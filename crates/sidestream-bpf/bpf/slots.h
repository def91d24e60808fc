/* Slots: each stands for one diverted connection, from connect to close. */
#pragma once

#include "address.h"
#include "events.h"

/* Of four million ids at most a sixteenth is in use: eight tries all but never fail. */
#define SLOT_TRIES 8
#define CHAIN_STEPS 64

static __always_inline struct udp_flow flow_of(const struct origin *origin)
{
	struct udp_flow flow = { .socket_cookie = origin->socket_cookie,
				 .destination = origin->destination,
				 .port = origin->port };
	return flow;
}

static __always_inline bool is_slot_of(__u32 slot, __u64 socket_cookie)
{
	struct origin *origin = bpf_map_lookup_elem(&slots, &slot);
	return origin && origin->socket_cookie == socket_cookie;
}

/* Gives the slot that a UDP socket has for a destination already. */
static __noinline __u32 known_slot(struct origin *origin)
{
	struct udp_flow flow = flow_of(origin);
	__u32 *slot = bpf_map_lookup_elem(&udp_flows, &flow);
	return slot && is_slot_of(*slot, origin->socket_cookie) ? *slot : NO_SLOT;
}

/* Makes the slot known as the last one of its socket. */
static __always_inline bool link_slot(__u32 slot, struct origin *origin)
{
	if (origin->protocol == IPPROTO_UDP) {
		struct udp_flow flow = flow_of(origin);
		if (bpf_map_update_elem(&udp_flows, &flow, &slot, BPF_ANY))
			return false;
	}
	return !bpf_map_update_elem(&sockets, &origin->socket_cookie, &slot, BPF_ANY);
}

/* Stores an origin in a free slot. */
static __noinline __u32 allocate_slot(struct origin *origin)
{
	__u32 *last = bpf_map_lookup_elem(&sockets, &origin->socket_cookie);
	__u32 slot;
	long error = -1;
	origin->next = last ? *last : NO_SLOT;
	for (int i = 0; i < SLOT_TRIES && error; i++) {
		slot = bpf_get_prandom_u32() & SLOT_MASK;
		error = bpf_map_update_elem(&slots, &slot, origin, BPF_NOEXIST);
	}
	if (error)
		return NO_SLOT;
	if (link_slot(slot, origin))
		return slot;
	bpf_map_delete_elem(&slots, &slot);
	return NO_SLOT;
}

/* Ends one slot. Whoever looks the slot up marks it as accepted first and looks
 * at `closed` then, and here it is the other way round: one of both removes it. */
__noinline __u32 end_slot(__u32 slot, __u64 socket_cookie)
{
	struct origin *origin = bpf_map_lookup_elem(&slots, &slot);
	if (!origin || origin->socket_cookie != socket_cookie)
		return NO_SLOT;
	__u32 next = origin->next;
	__u64 now = bpf_ktime_get_ns();
	bpf_map_update_elem(&unclaimed, &slot, &now, BPF_ANY);
	origin->closed = 1;
	if (origin->protocol == IPPROTO_UDP) {
		struct udp_flow flow = flow_of(origin);
		bpf_map_delete_elem(&udp_flows, &flow);
		tell_closed(EVENT_CLOSED, slot);
	}
	if (bpf_map_lookup_elem(&accepted, &slot)) {
		bpf_map_delete_elem(&slots, &slot);
		bpf_map_delete_elem(&accepted, &slot);
		bpf_map_delete_elem(&unclaimed, &slot);
	}
	return next;
}

/* Ends the slots of a socket that is closed; a long chain is left to the loader. */
static __always_inline void end_slots(__u64 socket_cookie)
{
	__u32 *last = bpf_map_lookup_elem(&sockets, &socket_cookie);
	if (!last)
		return;
	__u32 slot = *last;
	bpf_map_delete_elem(&sockets, &socket_cookie);
	for (int i = 0; i < CHAIN_STEPS; i++) {
		slot = end_slot(slot, socket_cookie);
		if (slot == NO_SLOT)
			return;
	}
	tell_closed(EVENT_REST, slot);
}
