/* SPDX-License-Identifier: MIT */
/* data/packing.h: puts sequences together into packs of at most `capacity` tokens, none cut (best-fit decreasing; Ding et al.
 * 2024, "Fewer Truncations Improve Language Modeling", arXiv 2404.10830). Whether the sequences of a pack see each other is the
 * caller's; here they never do. */
#ifndef R1_DATA_PACKING_H
#define R1_DATA_PACKING_H

#include <stdint.h>

/* pack_of[i] gets the pack of sequence i, of lengths[i] tokens in [0, capacity]; returns the number of packs. Longest first, each
 * into the fullest pack that has room (of equals, the one that has had that room longest), equal lengths in their order. Packs are
 * numbered as they are opened. O(n log capacity) time, O(n + capacity) memory. */
int64_t packing_best_fit(int64_t *pack_of, const int64_t *lengths, int64_t n, int64_t capacity);

#endif
