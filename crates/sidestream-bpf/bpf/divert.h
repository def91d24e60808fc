/* Diverts connections to the proxy, and hides that from the program. */
#pragma once

#include "rules.h"
#include "slots.h"
#include "socket.h"

#define HEARTBEAT_NS 1000000000ull
#define LOOPBACK_INDEX 1

/* What becomes of a call. The hooks return the first two; `DENY` is seen as EPERM. */
enum outcome { DENY, PROCEED, REWRITE };

/* A connect or a send, while it is judged. */
struct call {
	struct bpf_sock_addr *ctx;
	int family;
	bool is_send;
	bool is_udp;
	__u32 kind; /* Of the destination. */
	__u16 port;
	struct address destination;
	struct address chosen; /* The source of this one datagram. */
	struct address fake;
	__u16 fake_port;
};

static __always_inline enum outcome pass(__u32 counter)
{
	count(counter);
	return PROCEED;
}

/* Takes a knock: the process is ours from now on. */
static __always_inline bool take_knock(struct call *call, __u32 slot, __u32 index)
{
	struct knock *knock = bpf_map_lookup_elem(&knocks, &index);
	if (!knock || !knock->expected || knock->slot != slot || knock->port != call->port)
		return false;
	struct task_struct *task = current_task();
	learn_pid_view(task);
	__u32 pid = process_id(task);
	__u64 started = started_ns(task);
	bpf_map_update_elem(&own, &pid, &started, BPF_ANY);
	knock->netns_cookie = bpf_get_netns_cookie(call->ctx);
	knock->pid = pid;
	knock->expected = 0;
	return true;
}

/* Judges a call that names a fake address. Nobody may claim a slot that way,
 * but a connected socket that sends with options shows its own peer here. */
static __always_inline enum outcome judge_fake(struct call *call, __u32 slot)
{
	for (__u32 i = 0; i < KNOCKS; i++)
		if (take_knock(call, slot, i))
			return DENY;
	__u64 cookie = bpf_get_netns_cookie(call->ctx);
	struct ports *ports = bpf_map_lookup_elem(&nets, &cookie);
	if (!ports ||
	    call->port != listener_port(ports, call->is_udp, call->kind & IS_V4))
		return PROCEED;
	if (call->is_send && is_slot_of(slot, socket_cookie(call->ctx)))
		return PROCEED;
	count(DENIED);
	return DENY;
}

static __always_inline bool find_source(struct call *call, struct address *source)
{
	struct address *addr = &call->destination;
	struct route *route;
	if (call->kind & IS_V4) {
		struct route_key4 key = { 32, addr->words[3] };
		route = bpf_map_lookup_elem(&routes4, &key);
	} else {
		struct route_key6 key = { 128, { addr->words[0], addr->words[1], addr->words[2],
						 addr->words[3] } };
		route = bpf_map_lookup_elem(&routes6, &key);
	}
	if (!route || !route->reachable)
		return false;
	*source = route->source;
	return true;
}

/* Reads the source address that the program chose, by bind or for this datagram. */
static __always_inline bool read_bound(struct call *call, struct sock *sk, struct address *bound)
{
	*bound = local_address(sk, call->family);
	if (is_bound(sk))
		return true;
	if (address_kind(HALVES(call->chosen)) & IS_UNSPECIFIED || is_same(&call->chosen, bound))
		return false;
	*bound = call->chosen;
	return true;
}

static __always_inline void read_socket(struct call *call, struct origin *origin)
{
	struct sock *sk = kernel_socket(call->ctx);
	if (read_bound(call, sk, &origin->bound))
		origin->flags |= HAS_BOUND;
	if (!call->is_udp && is_mptcp(sk))
		origin->flags |= IS_MPTCP;
	if (FIELD(call->ctx, family) == AF_INET6 && (call->kind & IS_V4))
		origin->flags |= IS_V4_MAPPED;
	origin->path_mtu_discovery = path_mtu_discovery(sk, call->kind & IS_V4);
}

static __always_inline void read_process(struct task_struct *task, struct origin *origin)
{
	origin->started_ns = started_ns(task);
	origin->cgroup_id = bpf_get_current_cgroup_id();
	origin->tid = thread_id(task);
	origin->uid = real_uid(task);
	origin->parent = parent_id(task);
	BPF_CORE_READ_INTO(&origin->comm, task, comm);
	read_exe(task, origin->exe);
}

/* Gives the call a slot, and with it a fake address. */
static __always_inline enum outcome assign(struct call *call, struct origin *origin, __u16 port)
{
	__u32 slot = NO_SLOT;
	if (call->is_udp)
		slot = known_slot(origin);
	if (slot == NO_SLOT) {
		struct task_struct *task = current_task();
		read_process(task, origin);
		read_socket(call, origin);
		slot = allocate_slot(origin);
		if (slot == NO_SLOT) {
			tell_passed(REASON_FULL, origin->pid, HALVES(call->destination), call->port);
			return pass(PASSED_FULL);
		}
		count(call->is_udp ? CAPTURED_UDP : CAPTURED_TCP);
		if (origin->verdict == VERDICT_UNDECIDED)
			count(CAPTURED_UNDECIDED);
	}
	call->fake = fake_address(slot, call->kind & IS_V4);
	call->fake_port = port;
	return REWRITE;
}

/* Judges where a selected process connects to. */
static __always_inline enum outcome judge_target(struct call *call, struct origin *origin,
						 __u16 port)
{
	struct bpf_sock *socket = call->ctx->sk;
	__u32 device = FIELD(socket, bound_dev_if);
	if (FIELD(socket, mark)) {
		tell_passed(REASON_MARKED, origin->pid, HALVES(call->destination), call->port);
		return pass(PASSED_MARKED);
	}
	if (device && device != LOOPBACK_INDEX) {
		tell_passed(REASON_BOUND_DEVICE, origin->pid, HALVES(call->destination), call->port);
		return pass(PASSED_BOUND_DEVICE);
	}
	if (call->kind & IS_SPECIAL)
		return pass(PASSED_SPECIAL);
	if (!find_source(call, &origin->source))
		return pass(PASSED_NO_ROUTE);
	return assign(call, origin, port);
}

/* Judges whose call it is. */
static __always_inline enum outcome judge_process(struct call *call, struct state *state)
{
	struct task_struct *task = current_task();
	__u32 pid = process_id(task);
	__u64 netns = bpf_get_netns_cookie(call->ctx);
	struct ports *ports = bpf_map_lookup_elem(&nets, &netns);
	__u16 port = ports ? listener_port(ports, call->is_udp, call->kind & IS_V4) : 0;
	__u32 verdict = verdict_on(pid, task, state->epoch);
	if (!port) {
		if (!ports && !is_own(pid, task) && !is_other_user(task) && verdict != VERDICT_PASS)
			tell_passed(REASON_FOREIGN_NETNS, netns, HALVES(call->destination), call->port);
		return pass(PASSED_FOREIGN_NETNS);
	}
	if (is_own(pid, task))
		return pass(PASSED_OWN);
	if (is_other_user(task))
		return pass(PASSED_OTHER_USER);
	if (verdict == VERDICT_PASS || is_kernel_thread(task) ||
	    (verdict >= VERDICT_RULES &&
	     !is_wanted(verdict - VERDICT_RULES, HALVES(call->destination), call->port)))
		return pass(PASSED_NOT_SELECTED);

	struct origin origin = {};
	origin.destination = call->destination;
	origin.netns_cookie = netns;
	origin.socket_cookie = socket_cookie(call->ctx);
	origin.pid = pid;
	origin.verdict = verdict;
	origin.port = call->port;
	origin.protocol = call->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
	origin.flags = HAS_SOURCE;
	return judge_target(call, &origin, port);
}

/* Judges a connect or a send to a named address. */
static __always_inline enum outcome judge(struct call *call)
{
	__u32 zero = 0, slot = slot_of(HALVES(call->destination));
	call->kind = address_kind(HALVES(call->destination));
	if (slot != NO_SLOT)
		return judge_fake(call, slot);
	/* An unspecified destination means this very host. */
	if (call->kind & IS_UNSPECIFIED)
		call->destination.words[3] = bpf_htonl(call->kind & IS_V4 ? 0x7f000001 : 1);
	struct state *now = bpf_map_lookup_elem(&state, &zero);
	if (!now || !now->beat_ns)
		return PROCEED;
	if (bpf_ktime_get_ns() - now->beat_ns > HEARTBEAT_NS)
		return pass(PASSED_STALE);
	return judge_process(call, now);
}

static __always_inline int divert(struct bpf_sock_addr *ctx, int family, bool is_send)
{
	__u32 protocol = FIELD(ctx, protocol);
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != PROTOCOL_MPTCP)
		return PROCEED;
	struct call call = { .ctx = ctx, .family = family, .is_send = is_send };
	call.is_udp = protocol == IPPROTO_UDP;
	call.destination = user_address(ctx, family);
	call.port = user_port(ctx);
	if (is_send)
		call.chosen = message_source(ctx, family);
	enum outcome outcome = judge(&call);
	if (outcome != REWRITE)
		return outcome;
	set_user_address(ctx, family, &call.fake);
	FIELD(ctx, user_port) = bpf_htons(call.fake_port);
	return PROCEED;
}

/* Gives the origin that a fake address stands for, if this socket made it. */
static __always_inline struct origin *origin_of(struct bpf_sock_addr *ctx,
						const struct address *addr)
{
	__u32 slot = slot_of(HALVES(*addr));
	if (slot == NO_SLOT)
		return 0;
	struct origin *origin = bpf_map_lookup_elem(&slots, &slot);
	if (!origin || origin->socket_cookie != socket_cookie(ctx))
		return 0;
	return origin;
}

/* Shows the program the peer that it means. */
static __always_inline int restore_peer(struct bpf_sock_addr *ctx, int family)
{
	struct address addr = user_address(ctx, family);
	struct origin *origin = origin_of(ctx, &addr);
	if (!origin)
		return PROCEED;
	struct ports *ports = bpf_map_lookup_elem(&nets, &origin->netns_cookie);
	bool is_udp = origin->protocol == IPPROTO_UDP;
	if (!ports || user_port(ctx) != listener_port(ports, is_udp, is_v4(&addr)))
		return PROCEED;
	set_user_address(ctx, family, &origin->destination);
	FIELD(ctx, user_port) = bpf_htons(origin->port);
	return PROCEED;
}

/* Shows the program the source address that it would have without us. */
static __always_inline int restore_source(struct bpf_sock_addr *ctx, int family)
{
	struct bpf_sock *socket = ctx->sk;
	struct address peer;
	if (family == AF_INET)
		peer = v4_address(FIELD(socket, dst_ip4));
	else
		peer = (struct address){ .words = { FIELD(socket, dst_ip6[0]), FIELD(socket, dst_ip6[1]),
					   FIELD(socket, dst_ip6[2]), FIELD(socket, dst_ip6[3]) } };
	struct origin *origin = origin_of(ctx, &peer);
	if (origin && !(origin->flags & HAS_BOUND))
		set_user_address(ctx, family, &origin->source);
	return PROCEED;
}
