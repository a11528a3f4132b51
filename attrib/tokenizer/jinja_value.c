/* SPDX-License-Identifier: MIT */
/* Jinja: the bank, values, and text that is put together.
 *
 *   1. The bank   2. The run   3. Makers   4. Lists and dictionaries   5. Text */
#include "tokenizer/jinja_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1. The bank */

#define BLOCK_BYTES ((size_t)64 << 10)

struct at_jinja_block {
    at_jinja_block *before;
    size_t n_bytes;
    _Alignas(16) char bytes[];
};

void *at_jinja_take(at_jinja_bank *bank, size_t n)
{
    if (n > SIZE_MAX / 2) {
        return NULL;
    }
    n = (n + 15) & ~(size_t)15;
    if (bank->limit && n > bank->limit - bank->n_taken) {
        return NULL;
    }
    if (n > bank->n_left) {
        size_t size = n > BLOCK_BYTES ? n : BLOCK_BYTES;
        at_jinja_block *block = calloc(1, sizeof *block + size);
        if (!block) {
            return NULL;
        }
        block->before = bank->last;
        block->n_bytes = size;
        bank->last = block;
        bank->n_left = size;
    }
    char *taken = bank->last->bytes + (bank->last->n_bytes - bank->n_left);
    bank->n_left -= n;
    bank->n_taken += n;
    return taken;
}

/* Make room of n_old bytes, which fills a block of its own, larger: in its place where
 * the system can. NULL where it is no such room, or there is no more. */
static void *take_more(at_jinja_bank *bank, const void *old, size_t n_old, size_t n)
{
    at_jinja_block **link = &bank->last;
    while (*link && (*link)->bytes != old) {
        link = &(*link)->before;
    }
    n = (n + 15) & ~(size_t)15;
    if (n_old < BLOCK_BYTES || !*link || (*link)->n_bytes != n_old || n > SIZE_MAX / 2 ||
        (bank->limit && n - n_old > bank->limit - bank->n_taken)) {
        return NULL;
    }
    at_jinja_block *grown = realloc(*link, sizeof *grown + n);
    if (!grown) {
        return NULL;
    }
    grown->n_bytes = n;
    bank->n_taken += n - n_old;
    *link = grown;
    return grown->bytes;
}

void at_jinja_bank_free(at_jinja_bank *bank)
{
    while (bank->last) {
        at_jinja_block *before = bank->last->before;
        free(bank->last);
        bank->last = before;
    }
    *bank = (at_jinja_bank){0};
}

/* 2. The run */

bool at_jinja_fail(at_jinja_run *r, attrib_status status, const char *format, ...)
{
    if (r->status == ATTRIB_OK) {
        char text[200];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        r->status = at_fail(r->err, status, "chat template: %s", text);
    }
    return false;
}

static void *take(at_jinja_run *r, size_t n)
{
    void *taken = r->status == ATTRIB_OK ? at_jinja_take(&r->bank, n) : NULL;
    if (!taken && r->bank.limit && r->bank.n_taken + n > r->bank.limit) {
        at_jinja_fail(r, ATTRIB_ERANGE, "it makes more than %zu MiB of values",
                      r->bank.limit >> 20);
    } else if (!taken) {
        at_jinja_fail(r, ATTRIB_ENOMEM, "out of memory");
    }
    return taken;
}

bool at_jinja_work(at_jinja_run *r, size_t n_steps)
{
    r->n_steps += n_steps;
    return r->n_steps <= AT_JINJA_MAX_STEPS ||
           at_jinja_fail(r, ATTRIB_ERANGE, "it runs for more than %zu steps",
                         AT_JINJA_MAX_STEPS);
}

bool at_jinja_enter(at_jinja_run *r)
{
    if (r->depth >= AT_JINJA_MAX_DEPTH) {
        return at_jinja_fail(r, ATTRIB_ERANGE, "it nests deeper than %d levels",
                             AT_JINJA_MAX_DEPTH);
    }
    r->depth++;
    return at_jinja_work(r, 1);
}

void at_jinja_leave(at_jinja_run *r)
{
    r->depth--;
}

/* 3. Makers */

const at_jinja_value at_jinja_undefined = {.type = AT_JINJA_UNDEFINED};
const at_jinja_value at_jinja_missing = {.type = AT_JINJA_UNDEFINED};
const at_jinja_value at_jinja_none = {.type = AT_JINJA_NONE};
const at_jinja_value at_jinja_true = {.type = AT_JINJA_BOOL, .as.boolean = true};
const at_jinja_value at_jinja_false = {.type = AT_JINJA_BOOL, .as.boolean = false};

at_jinja_value *at_jinja_new(at_jinja_run *r, at_jinja_type type)
{
    at_jinja_value *made = take(r, sizeof *made);
    if (made) {
        made->type = type;
    }
    return made;
}

const at_jinja_value *at_jinja_bool(bool value)
{
    return value ? &at_jinja_true : &at_jinja_false;
}

const at_jinja_value *at_jinja_int(at_jinja_run *r, int64_t value)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_INT);
    if (made) {
        made->as.integer = value;
    }
    return made;
}

const at_jinja_value *at_jinja_borrow(at_jinja_run *r, const char *bytes, size_t n)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_TEXT_VALUE);
    if (made) {
        made->as.text.bytes = bytes ? bytes : "";
        made->as.text.n = n;
    }
    return made;
}

const at_jinja_value *at_jinja_text(at_jinja_run *r, const char *bytes, size_t n)
{
    char *copy = take(r, n + 1);
    if (!copy || !at_jinja_work(r, n / 64)) {
        return NULL;
    }
    if (n) {
        memcpy(copy, bytes, n);
    }
    return at_jinja_borrow(r, copy, n);
}

const at_jinja_value *at_jinja_part(at_jinja_run *r,
                                    const at_jinja_value *text,
                                    size_t from,
                                    size_t n)
{
    if (from == 0 && n == text->as.text.n) {
        return text;
    }
    if (text->as.text.n_stretches) {
        at_jinja_builder b = {0};
        return at_jinja_add_part(r, &b, text, from, n) ? at_jinja_built(r, &b) : NULL;
    }
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_TEXT_VALUE);
    if (made) {
        made->mark = text->mark;
        made->as.text.bytes = text->as.text.bytes + from;
        made->as.text.n = n;
    }
    return made;
}

/* 4. Lists and dictionaries */

/* Grow an array of the bank; what it had before stays where it is. */
static bool grow(
    at_jinja_run *r, void *pointer, size_t *capacity, size_t n, size_t element_bytes)
{
    void *old = NULL;
    if (n < *capacity) {
        return true;
    }
    size_t wanted = *capacity ? 2 * *capacity : 8;
    void *grown = take(r, wanted * element_bytes);
    if (!grown || !at_jinja_work(r, n / 8)) {
        return false;
    }
    memcpy(&old, pointer, sizeof old);
    if (n) {
        memcpy(grown, old, n * element_bytes);
    }
    memcpy(pointer, &grown, sizeof grown);
    *capacity = wanted;
    return true;
}

bool at_jinja_push(at_jinja_run *r, at_jinja_value *list, const at_jinja_value *item)
{
    if (!item || !grow(r, &list->as.list.items, &list->as.list.capacity, list->as.list.n,
                       sizeof *list->as.list.items)) {
        return false;
    }
    list->as.list.items[list->as.list.n++] = item;
    return true;
}

at_jinja_pair *at_jinja_find_pair(const at_jinja_value *dict, const char *key, size_t n)
{
    for (size_t i = 0; i < dict->as.dict.n; i++) {
        const at_jinja_value *own = dict->as.dict.pairs[i].key;
        if (own->type == AT_JINJA_TEXT_VALUE && own->as.text.n == n &&
            memcmp(own->as.text.bytes, key, n) == 0) {
            return &dict->as.dict.pairs[i];
        }
    }
    return NULL;
}

const at_jinja_value *at_jinja_find(const at_jinja_value *dict, const char *key, size_t n)
{
    const at_jinja_pair *pair = at_jinja_find_pair(dict, key, n);
    return pair ? pair->value : NULL;
}

bool at_jinja_add_pair(at_jinja_run *r,
                       at_jinja_value *dict,
                       const at_jinja_value *key,
                       const at_jinja_value *value)
{
    if (!grow(r, &dict->as.dict.pairs, &dict->as.dict.capacity, dict->as.dict.n,
              sizeof *dict->as.dict.pairs)) {
        return false;
    }
    dict->as.dict.pairs[dict->as.dict.n++] = (at_jinja_pair){key, value};
    return true;
}

const at_jinja_value *at_jinja_argument(const at_jinja_arguments *arguments,
                                        size_t i,
                                        const char *name)
{
    if (i < arguments->n) {
        return arguments->items[i];
    }
    return name && arguments->named ? at_jinja_find(arguments->named, name, strlen(name))
                                    : NULL;
}

/* 5. Text */

/* The mark of what is added becomes that of the last bytes; equal neighbours are one. */
static bool add_stretch(at_jinja_run *r, at_jinja_builder *b, at_jinja_mark mark)
{
    mark |= b->flags;
    if (b->n_stretches && b->stretches[b->n_stretches - 1].mark == mark) {
        b->stretches[b->n_stretches - 1].end = b->n;
        return true;
    }
    if (!grow(r, &b->stretches, &b->n_room, b->n_stretches, sizeof *b->stretches)) {
        return false;
    }
    b->stretches[b->n_stretches++] = (at_jinja_stretch){b->n, mark};
    return true;
}

/* Room for n bytes more: as many where there was none, since most texts are put together
 * of two, else twice as much as before. */
bool at_jinja_reserve(at_jinja_run *r, at_jinja_builder *b, size_t n)
{
    size_t wanted = b->capacity ? b->capacity : 64;
    if (n > SIZE_MAX / 4 || wanted > SIZE_MAX / 4) {
        return at_jinja_fail(r, ATTRIB_ERANGE, "it writes too much");
    }
    wanted = b->capacity ? at_larger(2 * wanted, b->n + n) : at_larger(wanted, n);
    wanted = (wanted + 15) & ~(size_t)15;
    char *grown = take_more(&r->bank, b->bytes, b->capacity, wanted);
    if (!grown) {
        grown = take(r, wanted);
        if (grown && b->n) {
            memcpy(grown, b->bytes, b->n);
        }
    }
    if (grown) {
        b->bytes = grown;
        b->capacity = wanted;
    }
    return grown;
}

static bool add_bytes(at_jinja_run *r, at_jinja_builder *b, const char *bytes, size_t n)
{
    if (!at_jinja_work(r, n / 64) ||
        (n > b->capacity - b->n && !at_jinja_reserve(r, b, n))) {
        return false;
    }
    memcpy(b->bytes + b->n, bytes, n);
    b->n += n;
    return true;
}

bool at_jinja_add(
    at_jinja_run *r, at_jinja_builder *b, const char *bytes, size_t n, at_jinja_mark mark)
{
    return n == 0 || (add_bytes(r, b, bytes, n) && add_stretch(r, b, mark));
}

bool at_jinja_add_part(at_jinja_run *r,
                       at_jinja_builder *b,
                       const at_jinja_value *text,
                       size_t from,
                       size_t n)
{
    const char *bytes = text->as.text.bytes;
    size_t to = from + n;
    size_t start = 0;
    if (!text->as.text.n_stretches) {
        return at_jinja_add(r, b, bytes + from, n, text->mark);
    }
    for (size_t i = 0; i < text->as.text.n_stretches && start < to; i++) {
        const at_jinja_stretch *s = &text->as.text.stretches[i];
        size_t first = start > from ? start : from;
        size_t end = s->end < to ? s->end : to;
        if (end > first && !at_jinja_add(r, b, bytes + first, end - first, s->mark)) {
            return false;
        }
        start = s->end;
    }
    return true;
}

const at_jinja_value *at_jinja_built(at_jinja_run *r, const at_jinja_builder *b)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_TEXT_VALUE);
    if (!made) {
        return NULL;
    }
    made->as.text.bytes = b->n ? b->bytes : "";
    made->as.text.n = b->n;
    if (b->n_stretches == 1) {
        made->mark = b->stretches[0].mark;
    } else if (b->n_stretches > 1) {
        made->as.text.stretches = b->stretches;
        made->as.text.n_stretches = b->n_stretches;
    }
    return made;
}
