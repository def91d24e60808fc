/* The maps, the counters, and what the loader sets once. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "shared.h"

/* Set by the loader: what a process without an entry is, and the one user served. */
const volatile __u32 default_verdict = VERDICT_UNDECIDED;
const volatile __u32 only_uid = 0;
const volatile __u32 is_uid_limited = 0;
/* Whether the kernel gives the calling task with its type: then what it leads to is read without
 * a call for each field. */
const volatile __u32 is_typed = 0;
/* The number of cells, which is a power of two, less one. */
const volatile __u32 cell_mask = 0;

#define HASH(NAME, KEY, VALUE, SIZE, FLAGS)       \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_HASH);  \
		__uint(max_entries, SIZE);        \
		__uint(map_flags, FLAGS);         \
		__type(key, KEY);                 \
		__type(value, VALUE);             \
	} NAME SEC(".maps")

#define ARRAY(NAME, VALUE, SIZE)                  \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(max_entries, SIZE);        \
		__type(key, __u32);               \
		__type(value, VALUE);             \
	} NAME SEC(".maps")

/* One that the loader has in its memory. */
#define SHARED(NAME, VALUE, SIZE)                     \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_ARRAY);     \
		__uint(max_entries, SIZE);            \
		__uint(map_flags, BPF_F_MMAPABLE);    \
		__type(key, __u32);                   \
		__type(value, VALUE);                 \
	} NAME SEC(".maps")

#define ROUTES(NAME, KEY)                              \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);   \
		__uint(max_entries, 65536);            \
		__uint(map_flags, BPF_F_NO_PREALLOC);  \
		__type(key, KEY);                      \
		__type(value, struct route);           \
	} NAME SEC(".maps")

SHARED(state, struct state, 1);
SHARED(counters, __u64, COUNTERS * STRIPES);
ARRAY(knocks, struct knock, KNOCKS);
ARRAY(rules, struct rules, MAX_RULE_SETS);

/* For even and for odd epochs. */
ARRAY(item_sets, struct item_set, 2);
ARRAY(items, struct item, 2 * MAX_ITEMS);

/* By the cookie of a network namespace. */
HASH(nets, __u64, struct ports, 1024, 0);
ROUTES(routes4, struct route_key4);
ROUTES(routes6, struct route_key6);

/* By pid. These two are made in full at once: tracepoints may not allocate. */
HASH(own, __u32, __u64, 256, 0);
HASH(procs, __u32, struct verdicts, 32768, 0);

/* Which of 64 kinds of pids some of `own` are of: most others need not be looked for there. */
struct own_kinds {
	__u8 is_any[64];
};
ARRAY(own_kinds, struct own_kinds, 1);

/* By cell: what is in it, and where that leads. */
SHARED(cells, struct cell, 65536);
ARRAY(slots, struct origin, 65536);
SHARED(ended, struct ended, 1);

/* The slots of UDP sockets with many destinations, by destination; and who changes a chain. */
HASH(udp_flows, struct udp_flow, __u32, 65536, BPF_F_NO_PREALLOC);

#define CHAIN_LOCKS 16
struct chain_lock {
	struct bpf_spin_lock lock;
};
ARRAY(chain_locks, struct chain_lock, CHAIN_LOCKS);

/* Of IPv4 and of IPv6. */
SHARED(queues, struct queue, 2);

/* What was told already, so that it is told once. */
struct told {
	__u64 whom;
	__u64 reason;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct told);
	__type(value, __u8);
} told SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

static __always_inline void count(__u32 counter)
{
	__u32 index = counter + bpf_get_smp_processor_id() % STRIPES * COUNTERS;
	__u64 *value = bpf_map_lookup_elem(&counters, &index);
	if (value)
		__sync_fetch_and_add(value, 1);
}
