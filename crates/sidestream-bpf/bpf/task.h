/* Facts about a process. */
#pragma once

#include <bpf/bpf_core_read.h>

#include "kernel.h"
#include "maps.h"

/* Marks the pid of a process that the loader's pid namespace does not see. */
#define FOREIGN_PID 0x80000000u
#define PF_KTHREAD 0x00200000
#define NS_PER_TICK 10000000ull

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

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
	struct pid_view *view = bpf_map_lookup_elem(&pid_view, &zero);
	if (!view || !view->inum || !view->level)
		return id;
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	if (BPF_CORE_READ(pid, level) < view->level)
		return FOREIGN_PID | id;
	struct pid_namespace *ns = number_at(pid, view->level, &number);
	return BPF_CORE_READ(ns, ns.inum) == view->inum ? number : FOREIGN_PID | id;
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

static __always_inline __u32 real_uid(struct task_struct *task)
{
	return BPF_CORE_READ(task, cred, uid.val);
}

/* Reads the last component of the executable's path: threads may rename themselves. */
static __always_inline void read_exe(struct task_struct *task, char exe[NAME_LEN])
{
	const unsigned char *name = BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_name.name);
	bpf_probe_read_kernel_str(exe, NAME_LEN, name);
}

/* The kernel has connections of its own, as those of network file systems. */
static __always_inline bool is_kernel_thread(struct task_struct *task)
{
	return BPF_CORE_READ(task, flags) & PF_KTHREAD;
}

static __always_inline bool is_other_user(struct task_struct *task)
{
	return is_uid_limited && real_uid(task) != only_uid;
}

static __always_inline bool is_own(__u32 pid, struct task_struct *task)
{
	__u64 *started = bpf_map_lookup_elem(&own, &pid);
	return started && *started == started_ns(task);
}

/* Gives the verdict on a process: an entry counts for one process, and as long as that belongs
 * to the same user. One for the next epoch counts already, so that none is missing when it begins. */
static __always_inline __u32 verdict_on(__u32 pid, struct task_struct *task, __u32 epoch)
{
	struct verdicts *entry = bpf_map_lookup_elem(&procs, &pid);
	if (entry && entry->epoch - epoch <= 1 && entry->uid == real_uid(task) &&
	    entry->started == started_ns(task) / NS_PER_TICK)
		return entry->own;
	return default_verdict;
}

/* Learns which pid namespace the loader is in, from its own first knock. */
static __always_inline void learn_pid_view(struct task_struct *task)
{
	__u32 zero = 0, number;
	struct pid_view *view = bpf_map_lookup_elem(&pid_view, &zero);
	if (!view || view->inum)
		return;
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	view->level = BPF_CORE_READ(pid, level);
	struct pid_namespace *ns = number_at(pid, view->level, &number);
	view->inum = BPF_CORE_READ(ns, ns.inum);
}
