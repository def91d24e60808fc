/* Rules on destinations: the last one that matches decides. */
#pragma once

#include "address.h"
#include "maps.h"

static __always_inline bool is_in_net(const struct rule *rule, const struct address *addr)
{
	return !(((addr->words[0] & rule->mask[0]) ^ rule->addr[0]) |
		 ((addr->words[1] & rule->mask[1]) ^ rule->addr[1]) |
		 ((addr->words[2] & rule->mask[2]) ^ rule->addr[2]) |
		 ((addr->words[3] & rule->mask[3]) ^ rule->addr[3]));
}

/* Whether a destination is diverted. A host rule may or may not match: then
 * the connection is diverted if that could turn the outcome to "intercept".
 * Not static, so that it is verified once and for itself. */
__noinline int is_wanted(__u32 set, __u64 high, __u64 low, __u16 port)
{
	struct address addr = { .halves = { high, low } };
	struct rules *found = bpf_map_lookup_elem(&rules, &set);
	if (!found)
		return true;
	__u32 net_kind = is_v4(&addr) ? RULE_NET4 : RULE_NET6;
	bool wanted = found->intercept;
	for (__u32 i = 0; i < MAX_RULES; i++) {
		if (i >= found->len)
			break;
		struct rule *rule = &found->rules[i];
		if (rule->kind == RULE_HOST)
			wanted |= !rule->exclude;
		else if (rule->kind == RULE_PORT ? rule->port == port :
						   rule->kind == net_kind && is_in_net(rule, &addr))
			wanted = !rule->exclude;
	}
	return wanted;
}
