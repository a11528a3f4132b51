/* SPDX-License-Identifier: MIT */
/* Rows gathered into columns.
 *
 * 1. Texts, each kept once.
 * 2. Values.
 * 3. Batches. */
#include "export/batch.h"

#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"

/* The texts of a column, in a table of slots that is at most half full. */
typedef struct text_set {
    at_slice *slots; /* [n_slots] a power of 2; bytes NULL: free */
    size_t n_slots, n;
} text_set;

/* A column that fills; its kind says which of `values` is used. */
typedef struct filling {
    int64_t *integers; /* [max_rows] */
    double *reals;
    at_slice *texts;
    uint8_t *is_valid; /* [max_rows] */
    size_t n_nulls;
    text_set set;
    at_buffer plain, clean; /* scratch */
} filling;

struct at_batch {
    at_row_columns *columns;
    at_batch_limits limits;
    filling *fillings;   /* [columns->n] */
    at_column *children; /* [columns->n] */
    at_column table;
    at_arena *arena; /* what texts point to */
    size_t n_bytes;
};

/* 1. Texts, each kept once */

/* Mix 8 bytes at a time; the multiplier is that of Knuth's multiplicative hashing for 64
 * bits. */
static uint64_t hash_text(const char *text, size_t n)
{
    uint64_t hash = n;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word = 0;
        memcpy(&word, text + i, at_smaller(8, n - i));
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    return hash;
}

static at_slice *find_slot(const text_set *set, const char *text, size_t n)
{
    size_t i = (size_t)hash_text(text, n) & (set->n_slots - 1);
    while (set->slots[i].bytes &&
           (set->slots[i].n_bytes != n || memcmp(set->slots[i].bytes, text, n) != 0)) {
        i = (i + 1) & (set->n_slots - 1);
    }
    return &set->slots[i];
}

static attrib_status grow_set(text_set *set, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    text_set larger = {.n_slots = set->n_slots ? 2 * set->n_slots : 256, .n = set->n};
    AT_TRY(at_array(larger.n_slots, sizeof *larger.slots, &larger.slots, err));
    for (size_t i = 0; i < set->n_slots; i++) {
        if (set->slots[i].bytes) {
            *find_slot(&larger, set->slots[i].bytes, set->slots[i].n_bytes) =
                set->slots[i];
        }
    }
    free(set->slots);
    *set = larger;
done:
    return status;
}

/* Get the one copy of a text. *is_new says whether it was made. */
static attrib_status keep_text(
    at_batch *self, text_set *set, at_slice *text, bool *is_new, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice *slot = NULL;
    if (2 * set->n >= set->n_slots) {
        AT_TRY(grow_set(set, err));
    }
    slot = find_slot(set, text->bytes, text->n_bytes);
    *is_new = !slot->bytes;
    if (*is_new) {
        AT_TRY(at_arena_text(self->arena, text->bytes, text->n_bytes, &slot->bytes, err));
        slot->n_bytes = text->n_bytes;
        set->n++;
    }
    *text = *slot;
done:
    return status;
}

/* 2. Values */

static attrib_status add_text(
    at_batch *self, filling *f, size_t i, const at_value *value, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice text = {value->text, value->n_bytes};
    bool is_new = false;
    if (!at_utf8_is_valid(text.bytes, text.n_bytes, NULL)) {
        at_buffer_clear(&f->clean);
        AT_TRY(at_append_utf8(&f->clean, text.bytes, text.n_bytes, err));
        text = (at_slice){f->clean.bytes, f->clean.n_bytes};
    }
    AT_TRY(keep_text(self, &f->set, &text, &is_new, err));
    self->n_bytes += is_new || self->limits.is_repeated ? text.n_bytes : 0;
    f->texts[i] = text;
done:
    return status;
}

/* Put a value into row i of column c. A number that is none is null. */
static attrib_status add_value(
    at_batch *self, size_t c, size_t i, at_value value, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    filling *f = &self->fillings[c];
    AT_TRY(at_value_plain(&value, &f->plain, err));
    f->is_valid[i] = value.kind != AT_NONE;
    f->n_nulls += value.kind == AT_NONE;
    switch (value.kind) {
    case AT_NONE:
        break;
    case AT_INTEGER:
        f->integers[i] = value.integer;
        break;
    case AT_REAL:
        f->reals[i] = value.real;
        break;
    case AT_TEXT:
    case AT_JSON:
        AT_TRY(add_text(self, f, i, &value, err));
        break;
    }
done:
    return status;
}

attrib_status at_batch_add(at_batch *self, const at_row *row, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t c = 0; c < self->columns->n; c++) {
        at_value value = at_none();
        AT_TRY(at_row_columns_get(self->columns, c, row, &value, err));
        AT_TRY(add_value(self, c, self->table.n, value, err));
    }
    self->n_bytes += self->columns->n * sizeof(int64_t);
    self->table.n++;
done:
    return status;
}

/* 3. Batches */

/* Make room for a column's values and describe it. */
static attrib_status make_column(at_batch *self, size_t c, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_row_column *from = &self->columns->columns[c];
    filling *f = &self->fillings[c];
    at_column *column = &self->children[c];
    size_t n = self->limits.max_rows;
    column->name = from->name;
    AT_TRY(at_array(n, sizeof *f->is_valid, &f->is_valid, err));
    switch (from->kind) {
    case AT_INTEGER:
        AT_TRY(at_array(n, sizeof *f->integers, &f->integers, err));
        column->kind = AT_COLUMN_INT;
        column->values = f->integers;
        break;
    case AT_REAL:
        AT_TRY(at_array(n, sizeof *f->reals, &f->reals, err));
        column->kind = AT_COLUMN_FLOAT;
        column->values = f->reals;
        break;
    default:
        AT_TRY(at_array(n, sizeof *f->texts, &f->texts, err));
        column->kind = AT_COLUMN_TEXT;
        column->values = f->texts;
        break;
    }
done:
    return status;
}

attrib_status at_batch_new(at_row_columns *columns,
                           at_batch_limits limits,
                           at_batch **out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_batch *self = NULL;
    AT_TRY(at_array(1, sizeof *self, &self, err));
    self->columns = columns;
    self->limits = limits;
    AT_TRY(at_arena_new(&self->arena, err));
    AT_TRY(at_array(columns->n, sizeof *self->fillings, &self->fillings, err));
    AT_TRY(at_array(columns->n, sizeof *self->children, &self->children, err));
    self->table = (at_column){
        .kind = AT_COLUMN_STRUCT, .children = self->children, .n_children = columns->n};
    for (size_t c = 0; c < columns->n; c++) {
        AT_TRY(make_column(self, c, err));
    }
    *out = self;
    self = NULL;
done:
    at_batch_free(self);
    return status;
}

bool at_batch_is_full(const at_batch *self)
{
    return self->table.n == self->limits.max_rows ||
           self->n_bytes >= self->limits.max_bytes;
}

const at_column *at_batch_table(at_batch *self)
{
    for (size_t c = 0; c < self->columns->n; c++) {
        self->children[c].n = self->table.n;
        self->children[c].is_valid =
            self->fillings[c].n_nulls ? self->fillings[c].is_valid : NULL;
    }
    return &self->table;
}

void at_batch_clear(at_batch *self)
{
    for (size_t c = 0; c < self->columns->n; c++) {
        text_set *set = &self->fillings[c].set;
        if (set->n) {
            memset(set->slots, 0, set->n_slots * sizeof *set->slots);
        }
        set->n = 0;
        self->fillings[c].n_nulls = 0;
    }
    at_arena_reset(self->arena, 0);
    self->table.n = 0;
    self->n_bytes = 0;
}

void at_batch_free(at_batch *self)
{
    if (!self) {
        return;
    }
    for (size_t c = 0; self->fillings && c < self->columns->n; c++) {
        filling *f = &self->fillings[c];
        free(f->integers);
        free(f->reals);
        free(f->texts);
        free(f->is_valid);
        free(f->set.slots);
        at_buffer_free(&f->plain);
        at_buffer_free(&f->clean);
    }
    at_arena_free(self->arena);
    free(self->fillings);
    free(self->children);
    free(self);
}
