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

static __always_inline void tell_closed(__u32 kind, __u32 slot)
{
	struct closed_event *event = reserve(sizeof(*event));
	if (!event)
		return;
	event->kind = kind;
	event->slot = slot;
	bpf_ringbuf_submit(event, 0);
}

/* Tells that a connection is left alone, once for each `whom`. */
__noinline int tell_passed(__u32 reason, __u64 whom, __u64 high, __u64 low, __u16 port)
{
	struct told key = { .whom = whom, .reason = reason };
	__u8 yes = 1;
	if (bpf_map_update_elem(&told, &key, &yes, BPF_NOEXIST))
		return 0;
	struct passed_event *event = reserve(sizeof(*event));
	if (!event)
		return 0;
	__builtin_memset(event, 0, sizeof(*event));
	event->kind = EVENT_PASSED;
	event->reason = reason;
	event->pid = process_id(current_task());
	event->port = port;
	event->destination.halves[0] = high;
	event->destination.halves[1] = low;
	read_exe(current_task(), event->exe);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
