/* SPDX-License-Identifier: MIT */
/* text/template_sequences.c: filters over the elements of a value. Those that give a generator in Jinja give one here: it is true
 * even when it is empty, has no length, and is gone once it was iterated. */
#include "text/template_builtin.h"

#include "text/template_string.h"

#include <string.h>

static Value no_length(Render *r, Value value, const char *filter)
{
    if (value.kind == VALUE_UNDEFINED) return render_fail_undefined(r, value.undefined);
    return render_fail(r, "%s: cannot work on '%s'", filter, value_type_name(value));
}

/* ---- attributes by name: "a.b.0" ---- */

static Value path_part(Render *r, const String *path, size_t from, size_t to)
{
    int64_t index = 0;
    bool digits = to > from && to - from < 18;
    for (size_t i = from; i < to && digits; i++) {
        digits = path->bytes[i] >= '0' && path->bytes[i] <= '9';
        index = index * 10 + (path->bytes[i] - '0');
    }
    return digits ? value_int(index) : string_part(r, path, from, to);
}

/* What the attribute (VALUE_ABSENT or none: the item itself) is of the item; `otherwise` where a step is undefined. */
static Value attribute_of(Render *r, Value item, Value attribute, Value otherwise)
{
    if (!value_is_given(attribute) || attribute.kind == VALUE_NONE) return item;
    if (attribute.kind != VALUE_STRING) {
        item = expression_item(r, item, attribute);
        return item.kind == VALUE_UNDEFINED && value_is_given(otherwise) ? otherwise : item;
    }
    const String *const path = attribute.string;
    for (size_t from = 0; from <= path->length && !r->failed;) {
        const char *const dot = from < path->length ? memchr(path->bytes + from, '.', path->length - from) : NULL;
        const size_t to = dot ? (size_t)(dot - path->bytes) : path->length;
        item = expression_item(r, item, path_part(r, path, from, to));
        if (item.kind == VALUE_UNDEFINED && value_is_given(otherwise) && otherwise.kind != VALUE_NONE) item = otherwise;
        from = to + 1;
    }
    return item;
}

static Value fold_case(Render *r, Value value, bool case_sensitive)
{
    return !case_sensitive && value.kind == VALUE_STRING ? string_to_case(r, value.string, CASE_LOWER) : value;
}

/* What map, select and reject run over: in Jinja anything that is false is empty to them, none as well. */
static const Sequence *chosen_from(Render *r, Value value)
{
    return value_is_true(value) ? value_items(r, value) : sequence_create(r, SEQUENCE_LIST);
}

static Value absent(void)
{
    return (Value){.kind = VALUE_ABSENT};
}

/* ---- length, ends, order ---- */

static Value filter_length(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const int64_t n = value_length(r, values[0]);
    return r->failed ? value_undefined() : value_int(n);
}

static Value filter_first(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    if (values[0].kind == VALUE_SEQUENCE && values[0].sequence->kind == SEQUENCE_GENERATOR) {
        Sequence *const generator = values[0].sequence;
        if (generator->first < generator->n) return generator->items[generator->first++];
        return value_missing(r, "No first item, sequence was empty.");
    }
    const Sequence *const items = value_items(r, values[0]);
    if (r->failed) return value_undefined();
    return items->n > 0 ? items->items[0] : value_missing(r, "No first item, sequence was empty.");
}

static Value filter_last(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    if (values[0].kind == VALUE_SEQUENCE && values[0].sequence->kind == SEQUENCE_GENERATOR)
        return no_length(r, values[0], "last");
    const Sequence *const items = value_items(r, values[0]);
    if (r->failed) return value_undefined();
    return items->n > 0 ? items->items[items->n - 1] : value_missing(r, "No last item, sequence was empty.");
}

static Value filter_list(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const Sequence *const items = value_items(r, values[0]);
    Sequence *const list = sequence_create(r, SEQUENCE_LIST);
    for (int64_t i = 0; i < items->n && !r->failed; i++) sequence_append(r, list, items->items[i]);
    return value_sequence(list);
}

static Value filter_reverse(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    if (!value_is_iterable(values[0])) return no_length(r, values[0], "reverse");
    const Sequence *const items = value_items(r, values[0]);
    Sequence *const reversed = sequence_create(r, SEQUENCE_GENERATOR);
    for (int64_t i = items->n; i-- > 0 && !r->failed;) sequence_append(r, reversed, items->items[i]);
    if (values[0].kind != VALUE_STRING) return value_sequence(reversed);
    StringBuilder text = {.render = r};
    for (int64_t i = 0; i < reversed->n; i++) builder_add_string(&text, reversed->items[i].string);
    return builder_string(&text);
}

/* ---- sorting ---- */

typedef struct Keyed {
    Value key, item;
} Keyed;

/* Merges halves bottom-up: stable, and n log n whatever the order was. */
static void sort_keyed(Render *r, Keyed *items, Keyed *scratch, int64_t n, bool reverse)
{
    for (int64_t width = 1; width < n && !r->failed; width *= 2) {
        for (int64_t from = 0; from < n && !r->failed; from += 2 * width) {
            const int64_t middle = from + width < n ? from + width : n,
                          to = from + 2 * width < n ? from + 2 * width : n;
            int64_t i = from, j = middle;
            for (int64_t at = from; at < to; at++) {
                bool left = j == to;
                if (i < middle && j < to) {
                    const bool equal = value_equal(r, items[i].key, items[j].key); /* also what has no order */
                    const int order = equal ? 0 : value_compare(r, items[i].key, items[j].key, "<");
                    left = reverse ? order >= 0 : order <= 0;
                }
                scratch[at] = left ? items[i++] : items[j++];
            }
        }
        memcpy(items, scratch, (size_t)n * sizeof *items);
    }
}

/* Several attributes, "a,b": a list of what they are, each folded. */
static Value sort_key(Render *r, Value item, Value attribute, bool case_sensitive)
{
    if (attribute.kind != VALUE_STRING || !memchr(attribute.string->bytes, ',', attribute.string->length))
        return fold_case(r, attribute_of(r, item, attribute, absent()), case_sensitive);
    const String comma = {",", 1, 1, NULL};
    const Sequence *const names = string_split(r, attribute.string, &comma, -1, false).sequence;
    Sequence *const keys = sequence_create(r, SEQUENCE_LIST);
    for (int64_t i = 0; i < names->n && !r->failed; i++)
        sequence_append(r, keys, fold_case(r, attribute_of(r, item, names->items[i], absent()), case_sensitive));
    return value_sequence(keys);
}

/* The items with their keys in order; NULL: failed. */
static Keyed *sorted(Render *r, const Sequence *items, Value attribute, bool case_sensitive, bool reverse)
{
    if (!pool_has_room(&r->pool, 2 * (size_t)items->n * sizeof(Keyed))) {
        render_fail(r, "a list that is too long to be sorted");
        return NULL;
    }
    Keyed *const keyed = POOL_ARRAY(&r->pool, Keyed, items->n), *const scratch = POOL_ARRAY(&r->pool, Keyed, items->n);
    for (int64_t i = 0; i < items->n && !r->failed; i++)
        keyed[i] = (Keyed){sort_key(r, items->items[i], attribute, case_sensitive), items->items[i]};
    sort_keyed(r, keyed, scratch, items->n, reverse);
    return r->failed ? NULL : keyed;
}

static Value filter_sort(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const Sequence *const items = value_items(r, values[0]);
    if (r->failed) return value_undefined();
    const Keyed *const keyed =
        sorted(r, items, values[3], argument_bool(values[2], false), argument_bool(values[1], false));
    Sequence *const list = sequence_create(r, SEQUENCE_LIST);
    for (int64_t i = 0; keyed && i < items->n; i++) sequence_append(r, list, keyed[i].item);
    return value_sequence(list);
}

static Value entry_pair(Render *r, const Entry *entry)
{
    Sequence *const pair = sequence_create(r, SEQUENCE_TUPLE);
    sequence_append(r, pair, entry->key);
    sequence_append(r, pair, entry->value);
    return value_sequence(pair);
}

static Sequence *entry_pairs(Render *r, const Mapping *mapping, SequenceKind kind)
{
    Sequence *const pairs = sequence_create(r, kind);
    for (int64_t i = 0; i < mapping->n && !r->failed; i++)
        sequence_append(r, pairs, entry_pair(r, &mapping->entries[i]));
    return pairs;
}

static Value filter_dictsort(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    if (!value_is_dict(values[0])) return no_length(r, values[0], "dictsort");
    const bool by_value = values[2].kind == VALUE_STRING && string_is(values[2].string, "value");
    if (value_is_given(values[2]) && !by_value &&
        !(values[2].kind == VALUE_STRING && string_is(values[2].string, "key")))
        return render_fail(r, "dictsort: by must be \"key\" or \"value\"");
    const Sequence *const pairs = entry_pairs(r, values[0].mapping, SEQUENCE_LIST);
    const Keyed *const keyed =
        sorted(r, pairs, value_int(by_value), argument_bool(values[1], false), argument_bool(values[3], false));
    Sequence *const list = sequence_create(r, SEQUENCE_LIST);
    for (int64_t i = 0; keyed && i < pairs->n; i++) sequence_append(r, list, keyed[i].item);
    return value_sequence(list);
}

static Value filter_items(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    if (values[0].kind == VALUE_UNDEFINED) return value_sequence(sequence_create(r, SEQUENCE_GENERATOR));
    if (!value_is_dict(values[0])) return render_fail(r, "items: can only get item pairs from a mapping");
    return value_sequence(entry_pairs(r, values[0].mapping, SEQUENCE_GENERATOR));
}

static Value filter_unique(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const Sequence *const items = value_items(r, values[0]);
    Sequence *const unique = sequence_create(r, SEQUENCE_GENERATOR);
    Mapping *const seen = mapping_create(r);
    for (int64_t i = 0; i < items->n && !r->failed; i++) {
        const Value key =
            fold_case(r, attribute_of(r, items->items[i], values[2], absent()), argument_bool(values[1], false));
        if (r->failed || mapping_find(r, seen, key)) continue;
        mapping_set(r, seen, key, value_none());
        sequence_append(r, unique, items->items[i]);
    }
    return value_sequence(unique);
}

static Value extreme(Render *r, Value *values, int sign)
{
    const Sequence *const items = value_items(r, values[0]);
    if (r->failed) return value_undefined();
    if (items->n == 0) return value_missing(r, "No aggregated item, sequence was empty.");
    Value best = items->items[0], best_key = value_undefined();
    for (int64_t i = 0; i < items->n && !r->failed; i++) {
        const Value key =
            fold_case(r, attribute_of(r, items->items[i], values[2], absent()), argument_bool(values[1], false));
        if (i > 0 && sign * value_compare(r, key, best_key, sign > 0 ? ">" : "<") <= 0) continue;
        best = items->items[i];
        best_key = key;
    }
    return best;
}
static Value filter_min(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return extreme(r, values, -1);
}
static Value filter_max(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return extreme(r, values, 1);
}

static Value filter_groupby(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const Sequence *const items = value_items(r, values[0]);
    const bool case_sensitive = argument_bool(values[3], false);
    if (r->failed) return value_undefined();
    Sequence *const replaced = sequence_create(r, SEQUENCE_LIST); /* (key, item) */
    for (int64_t i = 0; i < items->n && !r->failed; i++) {
        Sequence *const pair = sequence_create(r, SEQUENCE_TUPLE);
        sequence_append(r, pair, attribute_of(r, items->items[i], values[1], values[2]));
        sequence_append(r, pair, items->items[i]);
        sequence_append(r, replaced, value_sequence(pair));
    }
    const Keyed *const keyed = r->failed ? NULL : sorted(r, replaced, value_int(0), case_sensitive, false);
    Sequence *const groups = sequence_create(r, SEQUENCE_LIST);
    for (int64_t i = 0; keyed && i < replaced->n && !r->failed;) {
        Sequence *const group = sequence_create(r, SEQUENCE_TUPLE), *const members = sequence_create(r, SEQUENCE_LIST);
        const int64_t first = i;
        for (; i < replaced->n && value_equal(r, keyed[i].key, keyed[first].key) && !r->failed; i++)
            sequence_append(r, members, keyed[i].item.sequence->items[1]);
        sequence_append(r, group, keyed[first].item.sequence->items[0]);
        sequence_append(r, group, value_sequence(members));
        sequence_append(r, groups, value_sequence(group));
    }
    return value_sequence(groups);
}

/* ---- joining, summing, cutting ---- */

static Value filter_join(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const Sequence *const items = value_items(r, values[0]);
    StringBuilder out = {.render = r};
    for (int64_t i = 0; i < items->n && !r->failed; i++) {
        if (i > 0 && value_is_given(values[1])) builder_add_value(&out, values[1]);
        builder_add_value(&out, attribute_of(r, items->items[i], values[2], absent()));
    }
    return builder_string(&out);
}

static Value filter_sum(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const Sequence *const items = value_items(r, values[0]);
    Value sum = value_is_given(values[2]) ? values[2] : value_int(0);
    for (int64_t i = 0; i < items->n && !r->failed; i++)
        sum = expression_binary(r, '+', sum, attribute_of(r, items->items[i], values[1], absent()));
    return sum;
}

static Value filter_batch(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    int64_t size;
    const Sequence *const items = value_items(r, values[0]);
    if (r->failed || !argument_int(r, values[1], 0, &size)) return value_undefined();
    Sequence *const rows = sequence_create(r, SEQUENCE_GENERATOR);
    Sequence *row = NULL;
    for (int64_t i = 0; i < items->n && !r->failed; i++) {
        if (!row || row->n == size) {
            row = sequence_create(r, SEQUENCE_LIST);
            sequence_append(r, rows, value_sequence(row));
        }
        sequence_append(r, row, items->items[i]);
    }
    if (row && value_is_given(values[2]) && values[2].kind != VALUE_NONE)
        while (row->n < size && !r->failed) sequence_append(r, row, values[2]);
    return value_sequence(rows);
}

static Value filter_slice(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    int64_t n_slices;
    const Sequence *const items = value_items(r, values[0]);
    if (r->failed || !argument_int(r, values[1], 1, &n_slices)) return value_undefined();
    if (n_slices < 1) return render_fail(r, "slice: at least one slice");
    const int64_t each = items->n / n_slices, longer = items->n % n_slices;
    Sequence *const slices = sequence_create(r, SEQUENCE_GENERATOR);
    for (int64_t s = 0, at = 0; s < n_slices && !r->failed; s++) {
        Sequence *const slice = sequence_create(r, SEQUENCE_LIST);
        for (const int64_t end = at + each + (s < longer); at < end && !r->failed; at++)
            sequence_append(r, slice, items->items[at]);
        if (value_is_given(values[2]) && values[2].kind != VALUE_NONE && s >= longer)
            sequence_append(r, slice, values[2]);
        sequence_append(r, slices, value_sequence(slice));
    }
    return value_sequence(slices);
}

/* ---- map, select, reject ---- */

static Value keyword(const Arguments *all, const char *name)
{
    for (int64_t i = 0; i < all->n_keywords; i++)
        if (string_is(all->keywords[i].name, name)) return all->keywords[i].value;
    return absent();
}

/* The arguments behind the first n. */
static Arguments behind(const Arguments *all, int64_t n)
{
    return (Arguments){all->values + n, all->n - n, all->keywords, all->n_keywords};
}

static Value map_item(Render *r, Value item, const Arguments *all, const Builtin *filter)
{
    if (!filter) return attribute_of(r, item, keyword(all, "attribute"), keyword(all, "default"));
    const Arguments arguments = behind(all, 1);
    return builtin_call(r, filter, "filter ", item, &arguments);
}

static Value filter_map(Render *r, Value *values, const Arguments *all)
{
    const Builtin *filter = NULL;
    if (all->n > 0) {
        if (all->values[0].kind != VALUE_STRING) return no_length(r, all->values[0], "map");
        filter = builtin_filter(all->values[0].string->bytes, all->values[0].string->length);
        if (!filter) return render_fail(r, "map: there is no filter named %.60s", value_str(r, all->values[0])->bytes);
    } else if (!value_is_given(keyword(all, "attribute")))
        return render_fail(r, "map: the name of a filter or attribute= is missing");
    const Sequence *const items = chosen_from(r, values[0]);
    Sequence *const mapped = sequence_create(r, SEQUENCE_GENERATOR);
    for (int64_t i = 0; i < items->n && !r->failed; i++)
        sequence_append(r, mapped, map_item(r, items->items[i], all, filter));
    return value_sequence(mapped);
}

/* Keeps the items whose test (none: truth) gives `wanted`; of_attribute: the test is of an attribute that is named first. */
static Value choose(Render *r, Value *values, const Arguments *all, bool of_attribute, bool wanted)
{
    const int64_t first = of_attribute;
    if (all->n < first) return render_fail(r, "the name of an attribute is missing");
    const Builtin *test = NULL;
    if (all->n > first) {
        const Value name = all->values[first];
        test = name.kind == VALUE_STRING ? builtin_test(name.string->bytes, name.string->length) : NULL;
        if (!test) return render_fail(r, "there is no test named %.*s", 60, value_str(r, name)->bytes);
    }
    const Arguments arguments = test ? behind(all, first + 1) : (Arguments){0};
    const Sequence *const items = chosen_from(r, values[0]);
    Sequence *const chosen = sequence_create(r, SEQUENCE_GENERATOR);
    for (int64_t i = 0; i < items->n && !r->failed; i++) {
        const Value value = of_attribute ? attribute_of(r, items->items[i], all->values[0], absent()) : items->items[i];
        const Value passed = test ? builtin_call(r, test, "test ", value, &arguments) : value;
        if (value_is_true(passed) == wanted) sequence_append(r, chosen, items->items[i]);
    }
    return value_sequence(chosen);
}
static Value filter_select(Render *r, Value *values, const Arguments *all)
{
    return choose(r, values, all, false, true);
}
static Value filter_reject(Render *r, Value *values, const Arguments *all)
{
    return choose(r, values, all, false, false);
}
static Value filter_selectattr(Render *r, Value *values, const Arguments *all)
{
    return choose(r, values, all, true, true);
}
static Value filter_rejectattr(Render *r, Value *values, const Arguments *all)
{
    return choose(r, values, all, true, false);
}

const Builtin filters_of_sequences[] = {
    {"length", filter_length, 1, {"value"}, false},
    {"count", filter_length, 1, {"value"}, false},
    {"first", filter_first, 1, {"seq"}, false},
    {"last", filter_last, 1, {"seq"}, false},
    {"list", filter_list, 1, {"value"}, false},
    {"reverse", filter_reverse, 1, {"value"}, false},
    {"sort", filter_sort, 1, {"value", "reverse", "case_sensitive", "attribute"}, false},
    {"dictsort", filter_dictsort, 1, {"value", "case_sensitive", "by", "reverse"}, false},
    {"items", filter_items, 1, {"value"}, false},
    {"unique", filter_unique, 1, {"value", "case_sensitive", "attribute"}, false},
    {"min", filter_min, 1, {"value", "case_sensitive", "attribute"}, false},
    {"max", filter_max, 1, {"value", "case_sensitive", "attribute"}, false},
    {"groupby", filter_groupby, 2, {"value", "attribute", "default", "case_sensitive"}, false},
    {"join", filter_join, 1, {"value", "d", "attribute"}, false},
    {"sum", filter_sum, 1, {"iterable", "attribute", "start"}, false},
    {"batch", filter_batch, 2, {"value", "linecount", "fill_with"}, false},
    {"slice", filter_slice, 2, {"value", "slices", "fill_with"}, false},
    {"map", filter_map, 1, {"value"}, true},
    {"select", filter_select, 1, {"value"}, true},
    {"reject", filter_reject, 1, {"value"}, true},
    {"selectattr", filter_selectattr, 1, {"value"}, true},
    {"rejectattr", filter_rejectattr, 1, {"value"}, true},
    {0},
};
