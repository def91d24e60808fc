/* Processes come, run other programs and go: their verdicts follow them. */
#pragma once

#include "items.h"

static __always_inline int on_fork(struct task_struct *parent, struct task_struct *child)
{
	if (BPF_CORE_READ(parent, tgid) == BPF_CORE_READ(child, tgid))
		return 0;
	__u32 parent_pid = process_id(parent), child_pid = process_id(child);
	__u64 started = started_ns(child);
	struct verdicts *entry = bpf_map_lookup_elem(&procs, &parent_pid);
	if (entry && entry->started == started_ns(parent) / NS_PER_TICK) {
		struct verdicts inherited = { .started = started / NS_PER_TICK,
					      .epoch = entry->epoch,
					      .uid = entry->uid,
					      .own = entry->child,
					      .child = entry->child,
					      .is_in_tree = entry->is_in_tree };
		bpf_map_update_elem(&procs, &child_pid, &inherited, BPF_ANY);
	}
	struct fork_event *event = reserve(sizeof(*event));
	if (!event)
		return 0;
	event->kind = EVENT_FORK;
	event->parent = parent_pid;
	event->child = child_pid;
	event->padding = 0;
	event->child_started_ns = started;
	bpf_ringbuf_submit(event, 0);
	tell_net(child, child_pid);
	return 0;
}

/* Decides about a process that runs another program; its entry outlives that otherwise. */
static __always_inline void decide(struct exec_scratch *scratch)
{
	struct exec_event *event = &scratch->event;
	__u32 zero = 0, pid = event->pid;
	struct state *now = bpf_map_lookup_elem(&state, &zero);
	struct verdicts *before = bpf_map_lookup_elem(&procs, &pid);
	struct verdicts entry = { .started = event->started_ns / NS_PER_TICK,
				  .epoch = now ? now->epoch : 0,
				  .uid = event->uid };
	/* Of a process without an entry nothing is known. */
	bool is_in_tree = !before || before->epoch != entry.epoch ||
			  before->started != entry.started || before->is_in_tree;
	judge_image(&entry, pid, is_in_tree, can_search(scratch));
	event->epoch = entry.epoch;
	event->is_decided = entry.own != VERDICT_UNDECIDED && entry.child != VERDICT_UNDECIDED;
	if (entry.own == VERDICT_UNDECIDED)
		entry.own = default_verdict;
	if (entry.child == VERDICT_UNDECIDED)
		entry.child = default_verdict;
	if (is_other_user() || bpf_map_update_elem(&procs, &pid, &entry, BPF_ANY)) {
		event->is_decided = 0;
		bpf_map_delete_elem(&procs, &pid);
	}
}

static __always_inline int on_exec(struct task_struct *task)
{
	__u32 zero = 0;
	struct exec_scratch *scratch = bpf_map_lookup_elem(&exec_scratch, &zero);
	if (!scratch)
		return 0;
	struct exec_event *event = &scratch->event;
	event->kind = EVENT_EXEC;
	event->pid = process_id(task);
	event->started_ns = started_ns(task);
	event->cgroup_id = bpf_get_current_cgroup_id();
	event->parent = parent_id(task);
	event->uid = current_uid();
	event->args_len = 0;
	bpf_probe_read_kernel(event->comm, COMM_LEN, task->comm);
	event->is_path_whole = read_path(scratch, task);
	decide(scratch);
	tell_exec(scratch, task);
	tell_net(task, event->pid);
	return 0;
}

static __always_inline int on_exit(struct task_struct *task)
{
	/* Threads that end at once may all see zero: then it is told more than once. */
	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	__u32 pid = process_id(task);
	bpf_map_delete_elem(&procs, &pid);
	bpf_map_delete_elem(&own, &pid);
	struct exit_event *event = reserve(sizeof(*event));
	if (!event)
		return 0;
	event->kind = EVENT_EXIT;
	event->pid = pid;
	event->started_ns = started_ns(task);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
