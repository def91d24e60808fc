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
	struct state *state;
	int family;
	bool is_send;
	bool is_udp;
	__u32 kind; /* Of the destination. */
	__u16 port;
	struct address destination;
	struct address chosen; /* The source of this one datagram. */
	struct address source; /* Of the route. */
	struct address fake;
	__u16 fake_port;
	__u32 pid;
	__u32 tid;
	__u32 verdict;
	__u64 netns;
	__u32 routes; /* Whose routes count. */
	__u64 key; /* Of the socket. */
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
	learn_pid_view();
	__u32 pid = process_id((void *)bpf_get_current_task());
	make_own(pid, current_task());
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
	if (call->is_send && slot_of_socket(slot, socket_key(call->ctx)))
		return PROCEED;
	count(DENIED);
	return DENY;
}

static __always_inline bool find_source(struct call *call, struct address *source)
{
	struct address *addr = &call->destination;
	struct route *route;
	if (call->kind & IS_V4) {
		struct route_key4 key = { 64, call->routes, addr->words[3] };
		route = bpf_map_lookup_elem(&routes4, &key);
	} else {
		struct route_key6 key = { 160,
					  call->routes,
					  { addr->words[0], addr->words[1], addr->words[2],
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
	*bound = local_address(call->ctx->sk, call->family);
	if (!(address_kind(HALVES(*bound)) & IS_UNSPECIFIED) && is_bound(sk))
		return true;
	if (address_kind(HALVES(call->chosen)) & IS_UNSPECIFIED || is_same(&call->chosen, bound))
		return false;
	*bound = call->chosen;
	return true;
}

static __always_inline void read_socket(struct call *call, struct sock *sk, struct origin *origin)
{
	__u8 flags = HAS_SOURCE;
	if (read_bound(call, sk, &origin->bound))
		flags |= HAS_BOUND;
	if (call->key >> 63)
		flags |= IS_MPTCP;
	if (FIELD(call->ctx, family) == AF_INET6 && (call->kind & IS_V4))
		flags |= IS_V4_MAPPED;
	origin->flags = flags;
	origin->path_mtu_discovery = path_mtu_discovery(sk, call->kind & IS_V4);
}

/* Writes down whose the call is. Not static, so that it is verified once and for itself. */
__noinline int describe_process(__u32 at, __u32 tid)
{
	__u32 zero = 0;
	struct task_struct *task = current_task();
	struct origin *origin = bpf_map_lookup_elem(&slots, &at);
	struct state *view = bpf_map_lookup_elem(&state, &zero);
	if (!origin || !view)
		return 0;
	origin->started_ns = current_started_ns(task);
	origin->cgroup_id = bpf_get_current_cgroup_id();
	origin->tid = tid;
	origin->uid = current_uid();
	origin->parent = current_parent_id(task, view);
	read_comm(task, origin->comm);
	read_exe(task, origin->exe);
	return 0;
}

/* Gives the call a new slot; NO_SLOT if there is none. */
static __always_inline __u32 new_slot(struct call *call, struct sock *sk)
{
	__u32 at = cell_for(call->key, call->is_udp);
	struct origin *origin = bpf_map_lookup_elem(&slots, &at);
	if (!origin)
		return NO_SLOT;
	origin->destination = call->destination;
	origin->source = call->source;
	origin->netns_cookie = call->netns;
	origin->socket_key = call->key;
	origin->pid = call->pid;
	origin->verdict = call->verdict;
	origin->next = NO_SLOT;
	origin->port = call->port;
	origin->protocol = call->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
	read_socket(call, sk, origin);
	describe_process(at, call->tid);
	return settle(at);
}

static __always_inline enum outcome pass_told(struct call *call, __u32 reason, __u64 whom,
					      __u32 counter)
{
	tell_passed(reason, whom, HALVES(call->destination), call->port);
	return pass(counter);
}

/* Takes a place among the connections that wait to be accepted, if there is one. The kernel
 * would have a connection wait for a second if the listener could keep no more. */
__noinline bool enter_queue(__u32 family, __u32 backlog)
{
	struct queue *queue = bpf_map_lookup_elem(&queues, &family);
	if (!queue)
		return false;
	__sync_fetch_and_add(&queue->diverted, 1);
	__s64 waiting = *(volatile __u64 *)&queue->diverted - *(volatile __u64 *)&queue->accepted;
	if (!backlog || waiting <= (__s64)backlog)
		return true;
	__sync_fetch_and_add(&queue->diverted, -1);
	return false;
}

static __always_inline void leave_queue(__u32 family)
{
	struct queue *queue = bpf_map_lookup_elem(&queues, &family);
	if (queue)
		__sync_fetch_and_add(&queue->diverted, -1);
}

/* Gives the call a slot, and with it a fake address. */
static __always_inline enum outcome assign(struct call *call, __u32 backlog)
{
	__u32 slot = NO_SLOT, family = call->kind & IS_V4 ? 0 : 1;
	struct sock *sk = kernel_socket(call->ctx);
	call->key = connecting_key(call->ctx, sk);
	bool has_some = has_neighbors(call->key);
	if (has_some && call->is_udp)
		slot = known_slot(call->key, HALVES(call->destination), call->port);
	if (slot == NO_SLOT) {
		/* An earlier connection of the same socket is over. */
		if (has_some && !call->is_udp)
			end_slots(call->key);
		if (!call->is_udp && !enter_queue(family, backlog))
			return pass_told(call, REASON_BACKLOG, call->pid, PASSED_BACKLOG);
		slot = new_slot(call, sk);
		if (slot == NO_SLOT) {
			if (!call->is_udp)
				leave_queue(family);
			return pass_told(call, REASON_FULL, call->pid, PASSED_FULL);
		}
		count(call->is_udp ? CAPTURED_UDP : CAPTURED_TCP);
		if (call->verdict == VERDICT_UNDECIDED)
			count(CAPTURED_UNDECIDED);
	}
	call->fake = fake_address(slot, call->kind & IS_V4);
	return REWRITE;
}

/* Judges where a selected process connects to. */
static __always_inline enum outcome judge_target(struct call *call, __u32 backlog)
{
	struct bpf_sock *socket = call->ctx->sk;
	__u32 device = FIELD(socket, bound_dev_if);
	if (FIELD(socket, mark))
		return pass_told(call, REASON_MARKED, call->pid, PASSED_MARKED);
	if (device && device != LOOPBACK_INDEX)
		return pass_told(call, REASON_BOUND_DEVICE, call->pid, PASSED_BOUND_DEVICE);
	if (call->kind & IS_SPECIAL)
		return pass(PASSED_SPECIAL);
	if (!find_source(call, &call->source))
		return pass(PASSED_NO_ROUTE);
	return assign(call, backlog);
}

/* Gives the ports of a network namespace: nearly always it is the same one. */
static __always_inline struct ports *ports_in(__u64 netns, struct state *state)
{
	if (state->net == netns)
		return &state->ports;
	return bpf_map_lookup_elem(&nets, &netns);
}

/* Judges a call of a process that may be selected. */
static __always_inline enum outcome judge_selected(struct call *call, struct task_struct *task)
{
	struct ports *ports = ports_in(call->netns, call->state);
	call->fake_port = ports ? listener_port(ports, call->is_udp, call->kind & IS_V4) : 0;
	if (is_own(call->pid, task))
		return pass(PASSED_OWN);
	if (is_other_user())
		return pass(PASSED_OTHER_USER);
	if (!ports)
		return pass_told(call, REASON_FOREIGN_NETNS, call->netns, PASSED_FOREIGN_NETNS);
	if (!call->fake_port)
		return pass(PASSED_FOREIGN_NETNS);
	if (is_kernel_thread(task) ||
	    (call->verdict >= VERDICT_RULES &&
	     !is_wanted(call->verdict - VERDICT_RULES, HALVES(call->destination), call->port)))
		return pass(PASSED_NOT_SELECTED);
	call->routes = ports->net;
	return judge_target(call, ports->backlog);
}

/* Judges a connect or a send to a named address. Most processes are not selected, so that is
 * found out first. */
static __always_inline enum outcome judge(struct call *call)
{
	__u32 zero = 0, slot = slot_of(HALVES(call->destination));
	call->kind = address_kind(HALVES(call->destination));
	if (slot != NO_SLOT)
		return judge_fake(call, slot);
	struct state *now = bpf_map_lookup_elem(&state, &zero);
	if (!now || !now->beat_ns)
		return PROCEED;
	struct task_struct *task = current_task();
	call->state = now;
	__u64 ids = current_ids(now);
	call->pid = ids >> 32;
	call->tid = ids;
	call->verdict = verdict_on(call->pid, task, now->epoch);
	if (call->verdict == VERDICT_PASS)
		return pass(PASSED_NOT_SELECTED);
	__u64 time_ns = is_typed ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
	if (time_ns > now->beat_ns && time_ns - now->beat_ns > HEARTBEAT_NS)
		return pass(PASSED_STALE);
	/* An unspecified destination means this very host. */
	if (call->kind & IS_UNSPECIFIED)
		call->destination.words[3] = bpf_htonl(call->kind & IS_V4 ? 0x7f000001 : 1);
	call->netns = bpf_get_netns_cookie(call->ctx);
	return judge_selected(call, task);
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
	return slot_of_socket(slot, socket_key(ctx));
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
