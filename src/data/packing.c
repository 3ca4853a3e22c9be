/* SPDX-License-Identifier: MIT */
/* data/packing.c: see packing.h.
 *
 * Packs with r tokens of room left form a queue at r. A tree over r = 0..capacity says where queues are not empty, so that the
 * smallest room that fits is found by one walk up and down. Sequences are sorted by counting: a length is at most capacity. */
#include "data/packing.h"

#include "base/arena.h"

typedef struct Rooms {
    int64_t n_leaves;      /* a power of two > capacity */
    bool *any;             /* [2 * n_leaves]: a queue under this node is not empty */
    int64_t *first, *last; /* [capacity + 1]: of the queue, -1: empty */
    int64_t *next;         /* [n]: of a pack in its queue */
} Rooms;

static void mark(Rooms *rooms, int64_t room, bool any)
{
    int64_t node = rooms->n_leaves + room;
    rooms->any[node] = any;
    for (node /= 2; node > 0; node /= 2) rooms->any[node] = rooms->any[2 * node] || rooms->any[2 * node + 1];
}

static void push(Rooms *rooms, int64_t room, int64_t pack)
{
    rooms->next[pack] = -1;
    if (rooms->last[room] < 0) {
        rooms->first[room] = pack;
        mark(rooms, room, true);
    } else {
        rooms->next[rooms->last[room]] = pack;
    }
    rooms->last[room] = pack;
}

static int64_t pop(Rooms *rooms, int64_t room)
{
    const int64_t pack = rooms->first[room];
    rooms->first[room] = rooms->next[pack];
    if (rooms->first[room] < 0) {
        rooms->last[room] = -1;
        mark(rooms, room, false);
    }
    return pack;
}

/* The smallest room >= length with a pack in it; -1: none. */
static int64_t smallest_room(const Rooms *rooms, int64_t length)
{
    int64_t node = rooms->n_leaves + length;
    if (rooms->any[node]) return length;
    /* up until there is something to the right, then down to its leftmost */
    while (node > 1 && (node % 2 == 1 || !rooms->any[node + 1])) node /= 2;
    if (node <= 1) return -1;
    for (node++; node < rooms->n_leaves;) node = rooms->any[2 * node] ? 2 * node : 2 * node + 1;
    return node - rooms->n_leaves;
}

static Rooms rooms_create(int64_t n, int64_t capacity)
{
    Rooms rooms = {.n_leaves = 1};
    while (rooms.n_leaves <= capacity) rooms.n_leaves *= 2;
    rooms.any = base_alloc((size_t)rooms.n_leaves * 2, sizeof *rooms.any);
    rooms.first = base_alloc((size_t)capacity + 1, sizeof *rooms.first);
    rooms.last = base_alloc((size_t)capacity + 1, sizeof *rooms.last);
    rooms.next = base_alloc((size_t)n + 1, sizeof *rooms.next);
    for (int64_t r = 0; r <= capacity; r++) rooms.first[r] = rooms.last[r] = -1;
    return rooms;
}

static void rooms_free(Rooms *rooms)
{
    base_free(rooms->any);
    base_free(rooms->first);
    base_free(rooms->last);
    base_free(rooms->next);
}

/* order: longest first, equals as they came. */
static void sort_by_length(int64_t *order, const int64_t *lengths, int64_t n, int64_t capacity)
{
    int64_t *const at = base_alloc((size_t)capacity + 2, sizeof *at); /* zeroed */
    for (int64_t i = 0; i < n; i++) at[capacity - lengths[i] + 1]++;
    for (int64_t l = 0; l <= capacity; l++) at[l + 1] += at[l];
    for (int64_t i = 0; i < n; i++) order[at[capacity - lengths[i]]++] = i;
    base_free(at);
}

int64_t packing_best_fit(int64_t *pack_of, const int64_t *lengths, int64_t n, int64_t capacity)
{
    int64_t *const order = base_alloc((size_t)n + 1, sizeof *order);
    Rooms rooms = rooms_create(n, capacity);
    int64_t n_packs = 0;
    sort_by_length(order, lengths, n, capacity);
    for (int64_t i = 0; i < n; i++) {
        const int64_t length = lengths[order[i]];
        int64_t room = smallest_room(&rooms, length), pack;
        if (room < 0) {
            room = capacity;
            pack = n_packs++;
        } else {
            pack = pop(&rooms, room);
        }
        pack_of[order[i]] = pack;
        push(&rooms, room - length, pack);
    }
    rooms_free(&rooms);
    base_free(order);
    return n_packs;
}
