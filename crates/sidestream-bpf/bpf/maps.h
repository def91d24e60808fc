/* The maps, the counters, and what the loader sets once. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "shared.h"

/* Set by the loader: what a process without an entry is, and the one user served. */
const volatile __u32 default_verdict = VERDICT_UNDECIDED;
const volatile __u32 only_uid = 0;
const volatile __u32 is_uid_limited = 0;

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

#define ROUTES(NAME, KEY)                              \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);   \
		__uint(max_entries, 16384);            \
		__uint(map_flags, BPF_F_NO_PREALLOC);  \
		__type(key, KEY);                      \
		__type(value, struct route);           \
	} NAME SEC(".maps")

ARRAY(state, struct state, 1);
ARRAY(knocks, struct knock, KNOCKS);
ARRAY(pid_view, struct pid_view, 1);
ARRAY(counters, __u64, COUNTERS);
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

/* By slot: where it leads; whether it was looked up; when it was closed before that. */
HASH(slots, __u32, struct origin, 262144, BPF_F_NO_PREALLOC);
HASH(accepted, __u32, __u8, 262144, BPF_F_NO_PREALLOC);
HASH(unclaimed, __u32, __u64, 262144, BPF_F_NO_PREALLOC);

/* By socket cookie: its last slot. And the slot of each destination of a UDP socket. */
HASH(sockets, __u64, __u32, 262144, BPF_F_NO_PREALLOC);
HASH(udp_flows, struct udp_flow, __u32, 262144, BPF_F_NO_PREALLOC);

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
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);
	if (value)
		__sync_fetch_and_add(value, 1);
}
