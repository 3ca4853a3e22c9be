/* SPDX-License-Identifier: MIT */
#include "text/string_table.h"

#include "base/arena.h"

#include <string.h>
#include <xxhash.h>

/* The slot that holds the key, or the empty one where it belongs. At most half of the slots are in use, so that runs of
 * occupied slots stay short. */
static StringSlot *find_slot(const StringTable *table, const char *key, size_t length)
{
    const uint64_t mask = (uint64_t)table->capacity - 1;
    for (uint64_t i = XXH3_64bits(key, length) & mask;; i = (i + 1) & mask) {
        StringSlot *const slot = &table->slots[i];
        if (!slot->key || (slot->length == length && memcmp(slot->key, key, length) == 0)) return slot;
    }
}

void string_table_reserve(StringTable *table, int64_t n)
{
    int64_t capacity = table->capacity ? table->capacity : 16;
    while (capacity < 2 * n) capacity *= 2;
    if (capacity == table->capacity) return;
    const StringTable old = *table;
    table->slots = base_alloc((size_t)capacity, sizeof *table->slots);
    table->capacity = capacity;
    for (int64_t i = 0; i < old.capacity; i++)
        if (old.slots[i].key) *find_slot(table, old.slots[i].key, old.slots[i].length) = old.slots[i];
    base_free(old.slots);
}

void string_table_free(StringTable *table)
{
    base_free(table->slots);
    *table = (StringTable){0};
}

int32_t string_table_find(const StringTable *table, const char *key, size_t length)
{
    if (table->n == 0) return -1;
    const StringSlot *const slot = find_slot(table, key, length);
    return slot->key ? slot->value : -1;
}

int32_t string_table_add(StringTable *table, const char *key, size_t length, int32_t value)
{
    string_table_reserve(table, table->n + 1);
    StringSlot *const slot = find_slot(table, key, length);
    if (slot->key) return slot->value;
    *slot = (StringSlot){.key = key, .length = (uint32_t)length, .value = value};
    table->n++;
    return value;
}
