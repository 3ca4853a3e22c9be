/* SPDX-License-Identifier: MIT */
/* text/string_table.h: a hash table from byte strings to numbers. Keys are borrowed and may hold any bytes; nothing is ever
 * taken out. A zeroed table is empty. */
#ifndef R1_TEXT_STRING_TABLE_H
#define R1_TEXT_STRING_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct StringSlot {
    const char *key; /* NULL: empty */
    uint32_t length;
    int32_t value;
} StringSlot;

typedef struct StringTable {
    StringSlot *slots; /* owned; capacity is 0 or a power of two */
    int64_t n, capacity;
} StringTable;

/* Room for n keys without growing. */
void string_table_reserve(StringTable *table, int64_t n);
void string_table_free(StringTable *table);
/* The value of the key, or -1. */
int32_t string_table_find(const StringTable *table, const char *key, size_t length);
/* Adds the key with this value (>= 0) unless it is there; returns the value that stands in the table afterwards. */
int32_t string_table_add(StringTable *table, const char *key, size_t length, int32_t value);

#endif
