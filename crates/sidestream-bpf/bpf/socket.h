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

static __always_inline bool is_mptcp(struct sock *sk)
{
	struct tcp_sock *tcp = (void *)sk;
	return bpf_core_field_exists(tcp->is_mptcp) &&
	       BPF_CORE_READ_BITFIELD_PROBED(tcp, is_mptcp);
}

/* Gives the Multipath TCP socket of one of its subflows. */
static __always_inline struct sock *mptcp_parent(struct sock *sk)
{
	struct inet_connection_sock *tcp = (void *)sk;
	struct mptcp_subflow_context *subflow = BPF_CORE_READ(tcp, icsk_ulp_data);
	if (!bpf_core_field_exists(subflow->conn))
		return 0;
	return BPF_CORE_READ(subflow, conn);
}

/* Gives the key by which the socket of a call is known here: its cookie, save that a Multipath
 * TCP socket is known by its address. It connects by a TCP socket of its own, which is the one
 * that `connect` shows, but is asked for names and closed itself, maybe long after that one. */
static __always_inline __u64 socket_key(struct bpf_sock_addr *ctx)
{
	if (FIELD(ctx, protocol) == PROTOCOL_MPTCP)
		return (__u64)kernel_socket(ctx);
	return bpf_get_socket_cookie(ctx);
}

/* Gives the key of a socket that connects. */
static __always_inline __u64 connecting_key(struct bpf_sock_addr *ctx, struct sock *sk)
{
	struct sock *parent = 0;
	if (FIELD(ctx, protocol) == IPPROTO_TCP && is_mptcp(sk))
		parent = mptcp_parent(sk);
	return parent ? (__u64)parent : socket_key(ctx);
}

/* Gives the key of a socket that is closed, or zero if it never had one. */
static __always_inline __u64 closed_socket_key(struct bpf_sock *ctx)
{
	/* The context is the socket, but only a plain number may be followed. */
	struct sock *sk = 0;
	bpf_probe_read_kernel(&sk, sizeof(sk), &ctx);
	if (FIELD(ctx, protocol) == PROTOCOL_MPTCP)
		return (__u64)sk;
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}

/* Reads the address that the socket has by now, by bind or by an earlier connect. */
static __always_inline struct address local_address(struct bpf_sock *socket, int family)
{
	if (family == AF_INET)
		return v4_address(FIELD(socket, src_ip4));
	return (struct address){ .words = { FIELD(socket, src_ip6[0]), FIELD(socket, src_ip6[1]),
				   FIELD(socket, src_ip6[2]), FIELD(socket, src_ip6[3]) } };
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
