/* What the loader is told. */
#pragma once

#include "task.h"

/* Takes room for an event; a loss is counted. */
static __always_inline void *reserve(__u64 size)
{
	void *event = bpf_ringbuf_reserve(&events, size, 0);
	if (!event)
		count(LOST_EVENTS);
	return event;
}

static __always_inline void tell_closed(__u32 slot)
{
	struct closed_event *event = reserve(sizeof(*event));
	if (!event)
		return;
	event->kind = EVENT_CLOSED;
	event->slot = slot;
	bpf_ringbuf_submit(event, 0);
}

/* Notes that something is told; false if it was told before. */
static __always_inline bool tells(__u64 whom, __u64 reason)
{
	struct told key = { .whom = whom, .reason = reason };
	__u8 yes = 1;
	return !bpf_map_lookup_elem(&told, &key) &&
	       !bpf_map_update_elem(&told, &key, &yes, BPF_NOEXIST);
}

/* Tells that a process is in a network namespace without ports, once for each namespace where
 * that can be told. */
static __always_inline void tell_net(struct task_struct *task, __u32 pid)
{
	__u32 zero = 0;
	__u64 cookie = 0;
	struct state *now = bpf_map_lookup_elem(&state, &zero);
	struct net *net = BPF_CORE_READ(task, nsproxy, net_ns);
	__u32 inum = BPF_CORE_READ(net, ns.inum);
	if (!now || !inum || inum == now->net_inum)
		return;
	if (bpf_core_field_exists(net->net_cookie))
		cookie = BPF_CORE_READ(net, net_cookie);
	if (cookie && (bpf_map_lookup_elem(&nets, &cookie) || !tells(cookie, TOLD_NET)))
		return;
	struct net_event *event = reserve(sizeof(*event));
	if (!event)
		return;
	event->kind = EVENT_NET;
	event->pid = pid;
	event->inum = inum;
	event->padding = 0;
	event->cookie = cookie;
	bpf_ringbuf_submit(event, 0);
}

/* Tells that a connection is left alone, once for each `whom`. */
__noinline int tell_passed(__u32 reason, __u64 whom, __u64 high, __u64 low, __u16 port)
{
	if (!tells(whom, reason))
		return 0;
	struct passed_event *event = reserve(sizeof(*event));
	if (!event)
		return 0;
	__builtin_memset(event, 0, sizeof(*event));
	event->kind = EVENT_PASSED;
	event->reason = reason;
	event->pid = process_id((void *)bpf_get_current_task());
	event->port = port;
	event->destination.halves[0] = high;
	event->destination.halves[1] = low;
	read_exe(current_task(), event->exe);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
