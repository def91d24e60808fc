/* The hooks of whole-machine capture; see README.md for what they do together. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "divert.h"
#include "process.h"

#define ADDRESS_HOOK(NAME, BODY)           \
	SEC("cgroup/" #NAME)               \
	int NAME(struct bpf_sock_addr *ctx) \
	{                                  \
		return BODY;               \
	}

ADDRESS_HOOK(connect4, divert(ctx, AF_INET, false))
ADDRESS_HOOK(connect6, divert(ctx, AF_INET6, false))
ADDRESS_HOOK(sendmsg4, divert(ctx, AF_INET, true))
ADDRESS_HOOK(sendmsg6, divert(ctx, AF_INET6, true))
ADDRESS_HOOK(recvmsg4, restore_peer(ctx, AF_INET))
ADDRESS_HOOK(recvmsg6, restore_peer(ctx, AF_INET6))
ADDRESS_HOOK(getpeername4, restore_peer(ctx, AF_INET))
ADDRESS_HOOK(getpeername6, restore_peer(ctx, AF_INET6))
ADDRESS_HOOK(getsockname4, restore_source(ctx, AF_INET))
ADDRESS_HOOK(getsockname6, restore_source(ctx, AF_INET6))

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *ctx)
{
	__u64 key = closed_socket_key(ctx);
	if (key && has_neighbors(key))
		end_slots(key);
	return PROCEED;
}

SEC("raw_tp/sched_process_fork")
int process_fork(struct bpf_raw_tracepoint_args *ctx)
{
	return on_fork((struct task_struct *)ctx->args[0], (struct task_struct *)ctx->args[1]);
}

SEC("raw_tp/sched_process_exec")
int process_exec(struct bpf_raw_tracepoint_args *ctx)
{
	return on_exec((struct task_struct *)ctx->args[0]);
}

SEC("raw_tp/sched_process_exit")
int process_exit(struct bpf_raw_tracepoint_args *ctx)
{
	return on_exit((struct task_struct *)ctx->args[0]);
}

/* The kernel's helpers are for programs under the GPL only. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";
