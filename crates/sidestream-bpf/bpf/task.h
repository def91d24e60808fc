/* Facts about a process. */
#pragma once

#include <bpf/bpf_core_read.h>

#include "kernel.h"
#include "maps.h"

/* Marks the pid of a process that the loader's pid namespace does not see. */
#define FOREIGN_PID 0x80000000u
#define PF_KTHREAD 0x00200000
#define NS_PER_TICK 10000000ull

/* Gives the calling thread, whose fields `READ` reads. */
static __always_inline struct task_struct *current_task(void)
{
	if (is_typed)
		return bpf_get_current_task_btf();
	return (struct task_struct *)bpf_get_current_task();
}

/* Reads a field of the calling thread or of what it leads to. */
#define READ(TASK, FIELD, PATH...) (is_typed ? (TASK)->FIELD : BPF_CORE_READ(TASK, PATH))

/* Gives the number at a level of a pid, in `number`, and the namespace there. */
static __always_inline struct pid_namespace *number_at(struct pid *pid, __u32 level, __u32 *number)
{
	void *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);
	struct upid *at = numbers + level * bpf_core_type_size(struct upid);
	*number = BPF_CORE_READ(at, nr);
	return BPF_CORE_READ(at, ns);
}

/* Gives the pid of a thread as the loader sees it. Not static, so that it is
 * verified once and for itself, which forbids a pointer as its argument. */
__noinline __u32 thread_id_at(__u64 address)
{
	struct task_struct *task = (void *)address;
	__u32 zero = 0, number, id = BPF_CORE_READ(task, pid);
	struct state *view = bpf_map_lookup_elem(&state, &zero);
	if (!view || !view->view_inum || !view->view_level)
		return id;
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	if (BPF_CORE_READ(pid, level) < view->view_level)
		return FOREIGN_PID | id;
	struct pid_namespace *ns = number_at(pid, view->view_level, &number);
	return BPF_CORE_READ(ns, ns.inum) == view->view_inum ? number : FOREIGN_PID | id;
}

static __always_inline __u32 thread_id(struct task_struct *task)
{
	return thread_id_at((__u64)task);
}

static __always_inline __u32 process_id(struct task_struct *task)
{
	return thread_id(BPF_CORE_READ(task, group_leader));
}

static __always_inline __u32 parent_id(struct task_struct *task)
{
	return process_id(BPF_CORE_READ(task, real_parent));
}

static __always_inline __u64 started_ns(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, start_boottime);
}

/* Gives the real user of the calling thread. */
static __always_inline __u32 current_uid(void)
{
	return bpf_get_current_uid_gid();
}

/* Gives the calling process and thread, in the upper and the lower half, as the loader sees them. */
static __always_inline __u64 current_ids(struct state *view)
{
	if (!view->view_level)
		return bpf_get_current_pid_tgid();
	struct task_struct *task = (void *)bpf_get_current_task();
	return (__u64)process_id(task) << 32 | thread_id(task);
}

/* Gives the parent of the calling process. */
static __always_inline __u32 current_parent_id(struct task_struct *task, struct state *view)
{
	if (!view->view_level)
		return READ(task, real_parent->tgid, real_parent, tgid);
	return parent_id((void *)bpf_get_current_task());
}

/* Gives when the calling process was started. */
static __always_inline __u64 current_started_ns(struct task_struct *task)
{
	return READ(task, group_leader->start_boottime, group_leader, start_boottime);
}

/* The kernel has connections of its own, as those of network file systems. */
static __always_inline bool is_kernel_thread(struct task_struct *task)
{
	return READ(task, flags, flags) & PF_KTHREAD;
}

/* Reads the last component of the path of what the calling process runs: threads may rename
 * themselves. */
static __always_inline void read_exe(struct task_struct *task, char exe[NAME_LEN])
{
	const unsigned char *name = READ(task, mm->exe_file->f_path.dentry->d_name.name, mm, exe_file,
					 f_path.dentry, d_name.name);
	bpf_probe_read_kernel_str(exe, NAME_LEN, name);
}

/* Reads the name of the calling thread. */
static __always_inline void read_comm(struct task_struct *task, char comm[COMM_LEN])
{
	if (!is_typed) {
		bpf_probe_read_kernel(comm, COMM_LEN, task->comm);
		return;
	}
	__u64 *from = (void *)task->comm, *to = (void *)comm;
	to[0] = from[0];
	to[1] = from[1];
}

/* Whether the calling process is another user's. */
static __always_inline bool is_other_user(void)
{
	return is_uid_limited && current_uid() != only_uid;
}

/* Notes that a process is ours. */
static __always_inline void make_own(__u32 pid, struct task_struct *task)
{
	__u32 zero = 0;
	__u64 started = current_started_ns(task);
	struct own_kinds *kinds = bpf_map_lookup_elem(&own_kinds, &zero);
	bpf_map_update_elem(&own, &pid, &started, BPF_ANY);
	if (kinds)
		kinds->is_any[pid % 64] = 1;
}

static __always_inline bool is_own(__u32 pid, struct task_struct *task)
{
	__u32 zero = 0;
	struct own_kinds *kinds = bpf_map_lookup_elem(&own_kinds, &zero);
	if (!kinds || !kinds->is_any[pid % 64])
		return false;
	__u64 *started = bpf_map_lookup_elem(&own, &pid);
	return started && *started == current_started_ns(task);
}

/* Gives the verdict on the calling process: an entry counts for one process, and as long as that
 * belongs to the same user. One for the next epoch counts already, so that none is missing when
 * it begins. */
static __always_inline __u32 verdict_on(__u32 pid, struct task_struct *task, __u32 epoch)
{
	struct verdicts *entry = bpf_map_lookup_elem(&procs, &pid);
	if (entry && entry->epoch - epoch <= 1 && entry->uid == current_uid() &&
	    entry->started == current_started_ns(task) / NS_PER_TICK)
		return entry->own;
	return default_verdict;
}

/* Learns which namespaces the loader is in, from its own first knock. */
static __always_inline void learn_pid_view(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 zero = 0, number;
	struct state *view = bpf_map_lookup_elem(&state, &zero);
	if (!view || view->view_inum)
		return;
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	view->view_level = BPF_CORE_READ(pid, level);
	struct pid_namespace *ns = number_at(pid, view->view_level, &number);
	view->view_inum = BPF_CORE_READ(ns, ns.inum);
	view->net_inum = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
}
