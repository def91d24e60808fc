/* Addresses of the hooks' contexts: what they mean, and which are fake. */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>

#include "shared.h"

#define AF_INET 2
#define AF_INET6 10
#define PROTOCOL_MPTCP 262
#define MAPPED bpf_htonl(0x0000ffffu)

#define HALVES(ADDRESS) (ADDRESS).halves[0], (ADDRESS).halves[1]

/* A context's field, read with its own width: the compiler may not join two reads. */
#define FIELD(POINTER, NAME) (*(volatile __u32 *)&(POINTER)->NAME)

static __always_inline bool is_same(const struct address *a, const struct address *b)
{
	return a->halves[0] == b->halves[0] && a->halves[1] == b->halves[1];
}

static __always_inline struct address v4_address(__u32 addr)
{
	return (struct address){ .words = { 0, 0, MAPPED, addr } };
}

/* Reads the address that the program gave, or is about to be given. */
static __always_inline struct address user_address(struct bpf_sock_addr *ctx, int family)
{
	if (family == AF_INET)
		return v4_address(FIELD(ctx, user_ip4));
	return (struct address){ .words = { FIELD(ctx, user_ip6[0]), FIELD(ctx, user_ip6[1]),
				   FIELD(ctx, user_ip6[2]), FIELD(ctx, user_ip6[3]) } };
}

static __always_inline void set_user_address(struct bpf_sock_addr *ctx, int family,
					     const struct address *addr)
{
	if (family == AF_INET) {
		FIELD(ctx, user_ip4) = addr->words[3];
		return;
	}
	FIELD(ctx, user_ip6[0]) = addr->words[0];
	FIELD(ctx, user_ip6[1]) = addr->words[1];
	FIELD(ctx, user_ip6[2]) = addr->words[2];
	FIELD(ctx, user_ip6[3]) = addr->words[3];
}

/* Reads the source address of a datagram, which may be its socket's. */
static __always_inline struct address message_source(struct bpf_sock_addr *ctx, int family)
{
	if (family == AF_INET)
		return v4_address(FIELD(ctx, msg_src_ip4));
	return (struct address){ .words = { FIELD(ctx, msg_src_ip6[0]), FIELD(ctx, msg_src_ip6[1]),
				   FIELD(ctx, msg_src_ip6[2]), FIELD(ctx, msg_src_ip6[3]) } };
}

static __always_inline __u16 user_port(struct bpf_sock_addr *ctx)
{
	return bpf_ntohs((__u16)FIELD(ctx, user_port));
}

/* What there is to say about an address. IPv4 is known by the mapping. */
enum address_kind { IS_V4 = 1, IS_UNSPECIFIED = 2, IS_SPECIAL = 4 };

/* Says what kind of address this is. Multicast, broadcast and what is local to
 * a link are special: they have no meaning elsewhere. Not static, so that what
 * it looks at does not multiply the ways through its callers. */
__noinline __u32 address_kind(__u64 high, __u64 low)
{
	struct address addr = { .halves = { high, low } };
	__u32 first = bpf_ntohl(addr.words[0]), last = bpf_ntohl(addr.words[3]);
	if (!high && addr.words[2] == MAPPED) {
		if (!last)
			return IS_V4 | IS_UNSPECIFIED;
		return last >> 28 == 0xe || last == 0xffffffff ? IS_V4 | IS_SPECIAL : IS_V4;
	}
	if (!high && !low)
		return IS_UNSPECIFIED;
	return first >> 24 == 0xff || first >> 22 == 0xfe80 >> 6 ? IS_SPECIAL : 0;
}

/* Gives the slot that a fake address stands for, else NO_SLOT. */
__noinline __u32 slot_of(__u64 high, __u64 low)
{
	struct address addr = { .halves = { high, low } };
	__u32 last = bpf_ntohl(addr.words[3]);
	if (!high && addr.words[2] == MAPPED)
		return (last & ~SLOT_MASK) == FAKE_V4 ? last & SLOT_MASK : NO_SLOT;
	if (addr.words[0] == bpf_htonl(FAKE_V6) && !addr.words[1] && !addr.words[2])
		return last & ~SLOT_MASK ? NO_SLOT : last;
	return NO_SLOT;
}

static __always_inline bool is_v4(const struct address *addr)
{
	return address_kind(HALVES(*addr)) & IS_V4;
}

static __always_inline struct address fake_address(__u32 slot, bool v4)
{
	if (v4)
		return v4_address(bpf_htonl(FAKE_V4 | slot));
	return (struct address){ .words = { bpf_htonl(FAKE_V6), 0, 0, bpf_htonl(slot) } };
}

static __always_inline __u16 listener_port(const struct ports *ports, bool udp, bool v4)
{
	if (v4)
		return udp ? ports->udp4 : ports->tcp4;
	return udp ? ports->udp6 : ports->tcp6;
}
