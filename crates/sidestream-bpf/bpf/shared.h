/* What the hooks and the loader both know: keep it equal to src/sys/linux/abi.rs. */
#pragma once

#include <linux/types.h>
#include <stdbool.h>

/* 127.64.0.0/10 and fd73:6473::/32, in host byte order; the rest is the slot. */
#define FAKE_V4 0x7f400000u
#define FAKE_V6 0xfd736473u
#define SLOT_MASK 0x003fffffu
#define NO_SLOT 0xffffffffu

#define NAME_LEN 64
#define COMM_LEN 16
#define PATH_LEN 4096
#define COMPONENT_LEN 256
#define ARGS_LEN 512

#define MAX_RULES 32
#define MAX_RULE_SETS 256

/* How many items of a spec are known here, and how long a path may be that they are held against. */
#define MAX_ITEMS 64
#define SEARCH_LEN 256

/* A process's verdict; from VERDICT_RULES on it is the number of a set of rules. */
enum verdict { VERDICT_UNDECIDED, VERDICT_PASS, VERDICT_INTERCEPT, VERDICT_RULES };

enum counter {
	CAPTURED_TCP,
	CAPTURED_UDP,
	DENIED,
	PASSED_STALE,
	PASSED_FOREIGN_NETNS,
	PASSED_OWN,
	PASSED_OTHER_USER,
	PASSED_NOT_SELECTED,
	PASSED_MARKED,
	PASSED_BOUND_DEVICE,
	PASSED_SPECIAL,
	PASSED_NO_ROUTE,
	PASSED_FULL,
	LOST_EVENTS,
	CAPTURED_UNDECIDED,
	PASSED_BACKLOG,
	COUNTERS = 16,
};

/* Processors count in different places, so that they do not wait for each other. */
#define STRIPES 8

/* An address of either family; IPv4 is mapped into IPv6. In network byte order. */
struct address {
	union {
		__u32 words[4];
		__u64 halves[2]; /* As functions that are verified on their own take it. */
	};
};

enum origin_flag { HAS_SOURCE = 1, HAS_BOUND = 2, IS_MPTCP = 4, IS_V4_MAPPED = 8 };

/* Where a diverted connection was going, and whose it is. */
struct origin {
	struct address destination;
	struct address source;
	struct address bound;
	__u64 started_ns;
	__u64 cgroup_id;
	__u64 netns_cookie;
	__u64 socket_key; /* The cookie, or the address of a Multipath TCP socket. */
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u32 parent;
	__u32 slot;
	__u32 next; /* The next one of the same socket that is far from its home, or NO_SLOT. */
	__u16 port; /* In host byte order, as every port here. */
	__u16 verdict;
	__u8 protocol;
	__u8 flags;
	__u8 path_mtu_discovery;
	__u8 padding;
	char comm[COMM_LEN];
	char exe[NAME_LEN];
};
_Static_assert(sizeof(struct origin) == 192, "origin");

/* The state of the place of a slot: how many claim it, how far from home it is, and these. */
enum cell_state {
	CLAIM = 1,
	DISTANCE_SHIFT = 16,
	FAR = 0xff, /* A distance: it has no home. */
	IS_CLOSED = 1 << 24,
	IS_ACCEPTED = 1 << 25, /* Set by the loader, who frees what is both. */
	IS_USED = 1 << 26,
	HAS_CHAIN = 1 << 27,
	WAITS_AT_V4 = 1 << 28, /* Or has waited at that listener. */
	WAITS_AT_V6 = 1 << 29,
};

struct cell {
	__u32 state;
	__u32 homed; /* How many slots have their home here. */
};
_Static_assert(sizeof(struct cell) == 8, "cell");

/* How many slots were ended by their sockets. */
struct ended {
	__u64 count;
};

/* What came to the listeners of a family, and what was accepted; the latter is the loader's. */
struct queue {
	__u64 diverted;
	__u64 accepted;
};
_Static_assert(sizeof(struct queue) == 16, "queue");

struct ports {
	__u16 tcp4;
	__u16 udp4;
	__u16 tcp6;
	__u16 udp6;
	__u32 backlog; /* How many connections may wait at a listener; 0: any number. */
	__u32 net;     /* Whose routes count there. */
};
_Static_assert(sizeof(struct ports) == 16, "ports");

/* The proxy's state, and the pid namespace of the loader, in whose numbers processes are told. */
struct state {
	__u64 beat_ns; /* CLOCK_MONOTONIC */
	__u32 epoch;
	__u32 view_level; /* 0: that of all pids. */
	__u32 view_inum;  /* 0: not known. */
	__u32 net_inum;   /* Of the loader's network namespace; 0: not known. */
	__u64 net; /* The namespace with these ports: one that need not be looked up. */
	struct ports ports;
};
_Static_assert(sizeof(struct state) == 48, "state");

/* A connect that says: this process is ours. The loader itself and the proxy have one each. */
#define KNOCKS 2

struct knock {
	__u64 netns_cookie; /* Of the socket that knocked. */
	__u32 slot;
	__u32 pid; /* The process that knocked. */
	__u16 port;
	__u8 expected; /* Cleared by the knock. */
	__u8 padding[5];
};
_Static_assert(sizeof(struct knock) == 24, "knock");

struct verdicts {
	__u64 started; /* In units of 10 ms. */
	__u32 epoch;
	__u32 uid; /* The real user for whom they were made. */
	__u32 own;
	__u32 child;
	__u32 is_in_tree; /* An item on ancestors may match it or one of them. */
	__u32 padding;
};
_Static_assert(sizeof(struct verdicts) == 32, "verdicts");

/* The key of a UDP flow whose slot is far from home: the destination of a socket. */
struct udp_flow {
	__u64 socket_key;
	struct address destination;
	__u16 port;
	__u8 padding[6];
};
_Static_assert(sizeof(struct udp_flow) == 32, "udp_flow");

/* The keys of the routes: what the kernel's longest-prefix-match wants. The prefix begins with the
 * whole of the number whose routes they are. */
struct route_key4 {
	__u32 prefix_len;
	__u32 net;
	__u32 addr;
};

struct route_key6 {
	__u32 prefix_len;
	__u32 net;
	__u32 addr[4];
};

struct route {
	struct address source;
	__u32 reachable;
	__u32 padding;
};
_Static_assert(sizeof(struct route) == 24, "route");

enum rule_kind { RULE_PORT, RULE_NET4, RULE_NET6, RULE_HOST };

struct rule {
	__u8 kind;
	__u8 exclude;
	__u16 port;
	__u32 addr[4];
	__u32 mask[4];
};
_Static_assert(sizeof(struct rule) == 36, "rule");

struct rules {
	__u32 len;
	__u32 intercept; /* Whether a destination that no rule matches is intercepted. */
	struct rule rules[MAX_RULES];
};
_Static_assert(sizeof(struct rules) == 1160, "rules");

enum item_kind { ITEM_OPEN, ITEM_NAME, ITEM_PATH, ITEM_PID, ITEM_USER };

/* One item of a spec, as far as it can be told here whether it matches.
 *
 * A path, or its last component, is matched by an automaton: a byte takes each state to the next one where `steps`
 * has that one for it, and leaves those alone that are in `loops`. */
struct item {
	__u8 kind;
	__u8 exclude;
	__u8 is_tree;  /* It is about the ancestors as well. */
	__u8 is_loose; /* A path that matches may yet not be meant; a child may have the pid. */
	__u32 number;  /* The pid or the real user. */
	__u64 accept;
	__u64 loops;
	__u64 steps[256];
};
_Static_assert(sizeof(struct item) == 2072, "item");

/* The items of a spec; of those of the other epoch none has an index in common. */
struct item_set {
	__u32 len;
	__u32 verdict; /* On what no item matches; VERDICT_UNDECIDED: the items are not known here. */
};
_Static_assert(sizeof(struct item_set) == 8, "item_set");

enum event_kind {
	EVENT_FORK = 1,
	EVENT_EXEC,
	EVENT_EXIT,
	EVENT_PASSED,
	EVENT_CLOSED,
	EVENT_NET,
};

struct fork_event {
	__u32 kind;
	__u32 parent;
	__u32 child;
	__u32 padding;
	__u64 child_started_ns;
};
_Static_assert(sizeof(struct fork_event) == 24, "fork_event");

struct exit_event {
	__u32 kind;
	__u32 pid;
	__u64 started_ns;
};
_Static_assert(sizeof(struct exit_event) == 16, "exit_event");

enum pass_reason {
	REASON_BOUND_DEVICE = 1,
	REASON_FOREIGN_NETNS,
	REASON_FULL,
	REASON_MARKED,
	REASON_BACKLOG,
	TOLD_NET, /* No reason: the namespace itself was told of. */
};

struct passed_event {
	__u32 kind;
	__u32 reason;
	__u32 pid;
	__u32 port;
	struct address destination;
	char exe[NAME_LEN];
};
_Static_assert(sizeof(struct passed_event) == 96, "passed_event");

/* A slot's socket is closed, and with it those that are linked from the slot. */
struct closed_event {
	__u32 kind;
	__u32 slot;
};
_Static_assert(sizeof(struct closed_event) == 8, "closed_event");

/* A process is in a network namespace without ports. */
struct net_event {
	__u32 kind;
	__u32 pid;
	__u32 inum;
	__u32 padding;
	__u64 cookie; /* 0: this kernel does not tell it before it is asked for. */
};
_Static_assert(sizeof(struct net_event) == 24, "net_event");

/* Followed by the path and the arguments. */
struct exec_event {
	__u32 kind;
	__u32 pid;
	__u64 started_ns;
	__u64 cgroup_id;
	__u32 parent;
	__u32 uid;
	__u16 path_len;
	__u16 args_len;
	__u32 is_path_whole;
	__u32 epoch;
	__u32 is_decided; /* By the items of that epoch. */
	char comm[COMM_LEN];
};
_Static_assert(sizeof(struct exec_event) == 64, "exec_event");
