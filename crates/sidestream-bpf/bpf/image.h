/* The program that a process runs: its path, and its arguments. */
#pragma once

#include "events.h"

#define PATH_STEPS 48
#define HEAD_LEN sizeof(struct exec_event)
#define PATH_END (HEAD_LEN + PATH_LEN)

/* An event of variable length, put together here: the path grows towards the front, the
 * arguments stand behind it, and the head is copied before it in the end. */
struct exec_scratch {
	struct exec_event event;
	__u32 path_at;
	__u32 name_at; /* Of the last component. */
	/* The room behind the arguments is for the verifier: it does not see that a path that
	 * begins late is short. */
	unsigned char data[PATH_END + ARGS_LEN + PATH_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_scratch);
} exec_scratch SEC(".maps");

/* Puts one component before the others. Where that is lives in the map, not in a register, so
 * that the verifier need not follow its every value through the loop. */
static __always_inline bool prepend(struct exec_scratch *scratch, struct dentry *dentry)
{
	__u32 at = *(volatile __u32 *)&scratch->path_at;
	__u32 len = BPF_CORE_READ(dentry, d_name.len);
	if (at > PATH_END || at < HEAD_LEN + COMPONENT_LEN || len >= COMPONENT_LEN)
		return false;
	at -= len;
	if (at > PATH_END || at <= HEAD_LEN)
		return false;
	if (bpf_probe_read_kernel(&scratch->data[at], len, BPF_CORE_READ(dentry, d_name.name)))
		return false;
	at--;
	scratch->data[at] = '/';
	*(volatile __u32 *)&scratch->path_at = at;
	return true;
}

/* Reads the path of the executable up to the root that the process has. */
static __noinline int read_path(struct exec_scratch *scratch, struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *vfs = BPF_CORE_READ(file, f_path.mnt);
	struct dentry *root = BPF_CORE_READ(task, fs, root.dentry);
	struct vfsmount *root_vfs = BPF_CORE_READ(task, fs, root.mnt);
	scratch->path_at = PATH_END;
	scratch->name_at = PATH_END - BPF_CORE_READ(dentry, d_name.len);
	for (int i = 0; i < PATH_STEPS; i++) {
		if (dentry == root && vfs == root_vfs)
			return true;
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		if (dentry != parent && dentry != BPF_CORE_READ(vfs, mnt_root)) {
			if (!prepend(scratch, dentry))
				return false;
			dentry = parent;
			continue;
		}
		struct mount *mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
		struct mount *up = BPF_CORE_READ(mount, mnt_parent);
		if (up == mount)
			return true;
		dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		vfs = (void *)up + bpf_core_field_offset(struct mount, mnt);
	}
	return false;
}

/* Whether the path is known and short enough to be held against items. */
static __always_inline bool can_search(struct exec_scratch *scratch)
{
	__u32 len = PATH_END - scratch->path_at;
	return scratch->event.is_path_whole && len && len <= SEARCH_LEN;
}

/* Reads the arguments behind the path; gives their length. */
static __always_inline __u32 read_args(struct exec_scratch *scratch, struct task_struct *task)
{
	__u64 start = BPF_CORE_READ(task, mm, arg_start), end = BPF_CORE_READ(task, mm, arg_end);
	__u64 len = end - start;
	if (end <= start)
		return 0;
	if (len > ARGS_LEN)
		len = ARGS_LEN;
	return bpf_probe_read_user(&scratch->data[PATH_END], len, (void *)start) ? 0 : len;
}

static __always_inline void tell_exec(struct exec_scratch *scratch, struct task_struct *task)
{
	struct exec_event *event = &scratch->event;
	__u32 args_len = read_args(scratch, task);
	__u32 at = *(volatile __u32 *)&scratch->path_at;
	if (at > PATH_END || at < HEAD_LEN)
		return;
	event->path_len = PATH_END - at;
	event->args_len = args_len;
	at -= HEAD_LEN;
	void *head = &scratch->data[at];
	bpf_probe_read_kernel(head, HEAD_LEN, event);
	__u64 len = HEAD_LEN + *(volatile __u16 *)&event->path_len + args_len;
	if (len > HEAD_LEN + PATH_LEN + ARGS_LEN)
		return;
	if (bpf_ringbuf_output(&events, head, len, 0))
		count(LOST_EVENTS);
}
