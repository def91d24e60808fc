/* Decides about a process at the moment that it runs another program. */
#pragma once

#include "image.h"

/* Whether an item matches. */
enum truth { DIFFERS, MATCHES, OPEN };

/* What the items say so far. Kept as bits of a number, which functions that are verified on
 * their own take and give; the verdict on children stands beside that on the process. */
enum weight { INTERCEPTS = 1, UNSETTLED = 2, VERDICT_BITS = 3, CHILD_SHIFT = 2, IS_IN_TREE = 16 };

/* Runs the path, or its last component, through an item's automaton. Few instructions count
 * here: the verifier follows each round. */
__noinline __u32 is_path_of(__u32 index)
{
	__u32 zero = 0;
	struct item *item = bpf_map_lookup_elem(&items, &index);
	struct exec_scratch *scratch = bpf_map_lookup_elem(&exec_scratch, &zero);
	if (!item || !scratch)
		return 0;
	__u64 states = 1, loops = item->loops;
	__u32 at = item->kind == ITEM_NAME ? scratch->name_at : scratch->path_at;
	for (__u32 i = 0; i < SEARCH_LEN; i++, at++) {
		if (at >= PATH_END)
			break;
		unsigned char byte = scratch->data[at];
		states = (states << 1 & item->steps[byte]) | (states & loops);
	}
	return (states & item->accept) != 0;
}

static __always_inline enum truth truth_of(struct item *item, __u32 index, __u32 pid, __u32 uid,
					   bool has_path)
{
	switch (item->kind) {
	case ITEM_NAME:
	case ITEM_PATH:
		if (!has_path)
			return OPEN;
		if (!is_path_of(index))
			return DIFFERS;
		return item->is_loose ? OPEN : MATCHES;
	case ITEM_PID:
		return item->number == pid ? OPEN : DIFFERS;
	case ITEM_USER:
		return item->number == uid ? MATCHES : DIFFERS;
	default:
		return OPEN;
	}
}

/* Takes one more item into account: the last one that matches decides. An open one that says
 * what already holds changes nothing. */
static __always_inline __u32 take(__u32 verdict, struct item *item, enum truth truth)
{
	__u32 says = item->exclude ? 0 : INTERCEPTS;
	if (truth == MATCHES)
		return says;
	if (truth == OPEN && (verdict & VERDICT_BITS) != says)
		return verdict | UNSETTLED;
	return verdict;
}

/* Weighs one item; gives what the items say with it. */
__noinline __u32 weigh(__u32 index, __u32 weight, __u32 pid, __u32 uid, __u32 has_path)
{
	struct item *item = bpf_map_lookup_elem(&items, &index);
	if (!item)
		return UNSETTLED | UNSETTLED << CHILD_SHIFT | IS_IN_TREE;
	enum truth truth = truth_of(item, index, pid, uid, has_path);
	__u32 is_in_tree = weight & IS_IN_TREE;
	if (item->is_tree && truth == DIFFERS && is_in_tree)
		truth = OPEN;
	if (item->is_tree && truth != DIFFERS)
		is_in_tree = IS_IN_TREE;
	/* A child has another pid, which may be the one that is meant. */
	enum truth of_child = item->kind == ITEM_PID && item->is_loose ? OPEN : truth;
	return take(weight & VERDICT_BITS, item, truth) |
	       take(weight >> CHILD_SHIFT & VERDICT_BITS, item, of_child) << CHILD_SHIFT | is_in_tree;
}

static __always_inline __u32 settled(__u32 verdict)
{
	if (verdict & UNSETTLED)
		return VERDICT_UNDECIDED;
	return verdict & INTERCEPTS ? VERDICT_INTERCEPT : VERDICT_PASS;
}

/* Writes what the items of an entry's epoch say of a process and its program. */
static __always_inline void judge_image(struct verdicts *entry, __u32 pid, bool is_in_tree,
					bool has_path)
{
	__u32 half = entry->epoch & 1, first = half * MAX_ITEMS;
	entry->is_in_tree = true;
	struct item_set *set = bpf_map_lookup_elem(&item_sets, &half);
	if (!set || set->verdict == VERDICT_UNDECIDED)
		return;
	__u32 verdict = set->verdict == VERDICT_INTERCEPT ? INTERCEPTS : 0;
	__u32 weight = verdict | verdict << CHILD_SHIFT | (is_in_tree ? IS_IN_TREE : 0);
	for (__u32 i = 0; i < MAX_ITEMS; i++) {
		if (i >= set->len)
			break;
		weight = weigh(first + i, weight, pid, entry->uid, has_path);
	}
	entry->own = settled(weight & VERDICT_BITS);
	entry->child = settled(weight >> CHILD_SHIFT & VERDICT_BITS);
	entry->is_in_tree = (weight & IS_IN_TREE) != 0;
}
