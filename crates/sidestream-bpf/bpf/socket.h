/* Facts about a socket. */
#pragma once

#include <bpf/bpf_core_read.h>

#include "address.h"
#include "kernel.h"

#define SOCK_BINDADDR_LOCK 4

/* Gives the kernel's own socket of a call. */
static __always_inline struct sock *kernel_socket(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *kernel = (void *)ctx;
	return BPF_CORE_READ(kernel, sk);
}

/* A Multipath TCP socket connects by a TCP socket of its own, which is the one
 * that `connect` shows, but is asked for names and closed itself. */
static __always_inline __u64 first_subflow_cookie(struct sock *sk)
{
	struct mptcp_sock *mptcp = (void *)sk;
	if (!bpf_core_field_exists(mptcp->first))
		return 0;
	return BPF_CORE_READ(mptcp, first, __sk_common.skc_cookie.counter);
}

/* Gives the cookie by which the socket of a call is known here. */
static __always_inline __u64 socket_cookie(struct bpf_sock_addr *ctx)
{
	if (FIELD(ctx, protocol) == PROTOCOL_MPTCP) {
		__u64 cookie = first_subflow_cookie(kernel_socket(ctx));
		if (cookie)
			return cookie;
	}
	return bpf_get_socket_cookie(ctx);
}

/* Gives the cookie by which a socket that is closed is known here. */
static __always_inline __u64 closed_socket_cookie(struct bpf_sock *ctx)
{
	if (FIELD(ctx, protocol) == PROTOCOL_MPTCP) {
		/* The context is the socket, but only a plain number may be followed. */
		struct sock *sk = 0;
		bpf_probe_read_kernel(&sk, sizeof(sk), &ctx);
		__u64 cookie = first_subflow_cookie(sk);
		if (cookie)
			return cookie;
	}
	return bpf_get_socket_cookie(ctx);
}

static __always_inline bool is_mptcp(struct sock *sk)
{
	struct tcp_sock *tcp = (void *)sk;
	return bpf_core_field_exists(tcp->is_mptcp) &&
	       BPF_CORE_READ_BITFIELD_PROBED(tcp, is_mptcp);
}

/* Reads the address that the socket has by now, by bind or by an earlier connect. */
static __always_inline struct address local_address(struct sock *sk, int family)
{
	struct address addr;
	if (family == AF_INET)
		return v4_address(BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
	BPF_CORE_READ_INTO(&addr, sk, __sk_common.skc_v6_rcv_saddr);
	return addr;
}

static __always_inline bool is_bound(struct sock *sk)
{
	return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDADDR_LOCK;
}

static __always_inline __u8 path_mtu_discovery(struct sock *sk, bool v4)
{
	struct inet_sock *inet = (void *)sk;
	if (v4)
		return BPF_CORE_READ_BITFIELD_PROBED(inet, pmtudisc);
	struct ipv6_pinfo *inet6 = BPF_CORE_READ(inet, pinet6);
	return BPF_CORE_READ_BITFIELD_PROBED(inet6, pmtudisc);
}
