/* SPDX-License-Identifier: MIT */
/* The lists of rows that cannot be read, of all folders of a merge. Shards list those of
 * their whole corpus, so that a row may be in many lists: it is listed once, where it is
 * met first. */
#include "corpus/skipped_merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/marks.h"
#include "format/json.h"

/* Lines that are listed. */
typedef struct listing {
    at_buffer text;
    size_t *lines; /* [n] where each begins in the text */
    size_t n, capacity;
    size_t *slots; /* [n_slots] a hash table of 1 + the place in `lines`; 0: empty */
    size_t n_slots;
} listing;

/* FNV-1a */
static uint64_t hash_line(const char *line, size_t n)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ (unsigned char)line[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static size_t length_of(const listing *self, size_t i)
{
    return (i + 1 < self->n ? self->lines[i + 1] : self->text.n_bytes) - self->lines[i];
}

/* The slot of a line, or where it would be. */
static size_t find_slot(const listing *self, const char *line, size_t n)
{
    size_t slot = (size_t)hash_line(line, n) & (self->n_slots - 1);
    while (self->slots[slot]) {
        size_t i = self->slots[slot] - 1;
        if (length_of(self, i) == n &&
            memcmp(self->text.bytes + self->lines[i], line, n) == 0) {
            break;
        }
        slot = (slot + 1) & (self->n_slots - 1);
    }
    return slot;
}

/* Keep half of the slots empty. */
static attrib_status make_slots(listing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (self->n_slots >= 2 * (self->n + 1)) {
        goto done;
    }
    free(self->slots);
    self->slots = NULL;
    self->n_slots = self->n_slots ? 2 * self->n_slots : 256;
    AT_TRY(at_array(self->n_slots, sizeof *self->slots, &self->slots, err));
    for (size_t i = 0; i < self->n; i++) {
        size_t n = length_of(self, i);
        self->slots[find_slot(self, self->text.bytes + self->lines[i], n)] = i + 1;
    }
done:
    return status;
}

static attrib_status add_line(listing *self,
                              const char *line,
                              size_t n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t slot = 0;
    AT_TRY(make_slots(self, err));
    slot = find_slot(self, line, n);
    if (self->slots[slot]) {
        goto done;
    }
    AT_TRY(at_grow(&self->lines, &self->capacity, self->n + 1, sizeof *self->lines, err));
    self->lines[self->n] = self->text.n_bytes;
    AT_TRY(at_buffer_append(&self->text, line, n, err));
    self->slots[slot] = ++self->n;
done:
    return status;
}

/* A line is an object with its end: a list that was cut or changed is not handed on. */
static attrib_status check_line(
    const char *path, size_t number, const char *line, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *row = NULL;
    char name[ATTRIB_ERROR_SIZE];
    snprintf(name, sizeof name, "%s: line %zu", path, number);
    AT_CHECK(n > 0 && line[n - 1] == '\n', ATTRIB_EFORMAT,
             "%s has no end: the list of skipped rows was cut", name);
    AT_TRY(at_json_parse(name, line, n, &row, err));
    AT_CHECK(json_is_string(json_object_get(row, "source")) &&
                 json_is_integer(json_object_get(row, "line")) &&
                 json_is_string(json_object_get(row, "reason")),
             ATTRIB_EFORMAT, "%s is no skipped row: expected source, line and reason",
             name);
done:
    json_decref(row);
    return status;
}

static attrib_status add_folder(listing *self, const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    const char *text = NULL;
    at_map map = {0};
    AT_TRY(at_join_path(folder, AT_SKIPPED_ROWS, &path, err));
    if (!at_is_file(path)) {
        goto done;
    }
    AT_TRY(at_map_open(path, &map, err));
    text = (const char *)map.bytes;
    for (size_t at = 0, n = 0, number = 1; at < map.n_bytes; at += n, number++) {
        const char *end = memchr(text + at, '\n', map.n_bytes - at);
        n = end ? (size_t)(end - (text + at)) + 1 : map.n_bytes - at;
        AT_TRY(check_line(path, number, text + at, n, err));
        AT_TRY(add_line(self, text + at, n, err));
    }
done:
    at_map_close(&map);
    free(path);
    return status;
}

attrib_status at_skipped_merge(const char *const *folders,
                               size_t n,
                               const char *to,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    listing all = {0};
    at_output output = {0};
    char *path = NULL;
    for (size_t i = 0; i < n; i++) {
        AT_TRY(add_folder(&all, folders[i], err));
    }
    if (all.n == 0) {
        goto done;
    }
    AT_TRY(at_join_path(to, AT_SKIPPED_ROWS, &path, err));
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_output_write(&output, all.text.bytes, all.text.n_bytes, err));
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    at_buffer_free(&all.text);
    free(all.lines);
    free(all.slots);
    free(path);
    return status;
}
