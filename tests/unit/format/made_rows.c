/* SPDX-License-Identifier: MIT */
#include "made_rows.h"

#include <math.h>
#include <stdio.h>

#include "support/check.h"

static const char *const names[] = {"number", "real", "few", "many", "rare", "empty"};
static const at_column_kind kinds[] = {AT_COLUMN_INT,  AT_COLUMN_FLOAT, AT_COLUMN_TEXT,
                                       AT_COLUMN_TEXT, AT_COLUMN_TEXT,  AT_COLUMN_INT};

/* A text that ends in a number. */
static at_slice make_text(made_rows *self, const char *start, size_t i)
{
    char text[64];
    at_slice out = {NULL, 0};
    attrib_error err = {0};
    int n = snprintf(text, sizeof text, "%s%zu", start, i);
    check_ok(at_arena_text(self->arena, text, (size_t)n, &out.bytes, &err), &err);
    out.n_bytes = (size_t)n;
    return out;
}

static void *take(made_rows *self, size_t n, size_t bytes)
{
    attrib_error err = {0};
    void *memory = NULL;
    check_ok(at_arena_take(self->arena, n + 1, bytes, &memory, &err), &err);
    return memory;
}

void make_rows(made_rows *self, size_t first, size_t n, size_t n_few)
{
    attrib_error err = {0};
    *self = (made_rows){0};
    check_ok(at_arena_new(&self->arena, &err), &err);
    self->numbers = take(self, n, sizeof(int64_t));
    self->reals = take(self, n, sizeof(double));
    self->few = take(self, n, sizeof(at_slice));
    self->many = take(self, n, sizeof(at_slice));
    self->rare = take(self, n, sizeof(at_slice));
    for (size_t c = 0; c < MADE_COLUMNS; c++) {
        self->is_valid[c] = take(self, n, 1);
    }
    at_slice *texts = take(self, n_few, sizeof(at_slice));
    for (size_t k = 0; k < n_few; k++) {
        texts[k] = make_text(self, "text \"\n ", k);
        texts[k].n_bytes = k ? texts[k].n_bytes : 0;
    }
    for (size_t i = 0; i < n; i++) {
        size_t r = first + i;
        self->numbers[i] = (int64_t)(r * r) * (r % 2 ? -1 : 1);
        self->reals[i] = ldexp(1.0 + (double)r, (int)(r % 300) - 150);
        self->few[i] = texts[r * 7919 % n_few];
        self->many[i] = make_text(self, "M\xC3\xBCller ", r);
        self->rare[i] = texts[0];
        self->is_valid[MADE_NUMBER][i] = r % 5 != 3;
        self->is_valid[MADE_REAL][i] = r % 3 == 0;
        self->is_valid[MADE_FEW][i] = r % 11 != 0;
        self->is_valid[MADE_RARE][i] = r % 1000 == 999;
        self->is_valid[MADE_EMPTY][i] = 0;
    }
    const void *const values[] = {self->numbers, self->reals, self->few,
                                  self->many,    self->rare,  self->numbers};
    for (size_t c = 0; c < MADE_COLUMNS; c++) {
        self->columns[c] =
            (at_column){.name = names[c],
                        .kind = kinds[c],
                        .n = n,
                        .values = values[c],
                        .is_valid = c == MADE_MANY ? NULL : self->is_valid[c]};
    }
    self->table = (at_column){.kind = AT_COLUMN_STRUCT,
                              .n = n,
                              .children = self->columns,
                              .n_children = MADE_COLUMNS};
}

void free_rows(made_rows *self)
{
    at_arena_free(self->arena);
}

void check_row(const at_column *table, size_t k, const made_rows *want, size_t i)
{
    attrib_error err = {0};
    static at_buffer got;
    static at_buffer wanted;
    at_buffer_clear(&got);
    at_buffer_clear(&wanted);
    check_ok(at_columns_append_row("got", table, k, &got, &err), &err);
    check_ok(at_columns_append_row("want", &want->table, i, &wanted, &err), &err);
    assert_string_equal(got.bytes, wanted.bytes);
    if (i + 1 == want->table.n) {
        at_buffer_free(&got);
        at_buffer_free(&wanted);
    }
}
