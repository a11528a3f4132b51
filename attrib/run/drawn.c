/* SPDX-License-Identifier: MIT */
/* What the documents say that were drawn to measure a filter (drawn.h). The record is
 *
 *     {format, version, run, answers: [[best, worst, missed]]}
 *
 * each a list of documents and their scores in turn.
 *
 * 1. One answer   2. Writing   3. Reading */
#include "run/drawn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"

#define FORMAT "attrib drawn documents"

/* 1. One answer */

size_t at_drawn_most(const attrib_run *run)
{
    return at_smaller(run->options.top, run->info.n_candidates);
}

bool at_run_keeps_drawn(const attrib_run *run)
{
    const at_part *part = run->parts;
    bool is_whole = run->n_parts == 0 || (run->n_parts == 1 && part->first == 0 &&
                                          part->end == part->n_corpus);
    return run->options.prefilter_sample > 0 && !is_whole;
}

attrib_status at_drawn_new(size_t k, at_drawn *out, attrib_error *err)
{
    *out = (at_drawn){0};
    return at_top_new(k, &out->candidates, err);
}

void at_drawn_free(at_drawn *self)
{
    at_top_free(&self->candidates);
    free(self->missed);
    *self = (at_drawn){0};
}

void at_drawn_free_all(at_drawn *all, size_t n)
{
    for (size_t i = 0; all && i < n; i++) {
        at_drawn_free(&all[i]);
    }
    free(all);
}

static bool precedes(at_ranked a, at_ranked b)
{
    return a.score != b.score ? a.score > b.score : a.document < b.document;
}

static bool is_among_first(const at_top *top, at_ranked one)
{
    return top->n_best < top->k || precedes(one, top->best[top->n_best - 1]);
}

static bool is_among_last(const at_top *top, at_ranked one)
{
    return top->n_worst < top->k || precedes(top->worst[top->n_worst - 1], one);
}

attrib_status at_drawn_add(at_drawn *self, at_ranked one, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (is_among_first(&self->candidates, one) || is_among_last(&self->candidates, one)) {
        AT_TRY(at_grow(&self->missed, &self->capacity, self->n + 1, sizeof one, err));
        self->missed[self->n++] = one;
    }
done:
    return status;
}

static int compare_documents(const void *left, const void *right)
{
    const at_ranked *a = left;
    const at_ranked *b = right;
    return (a->document > b->document) - (a->document < b->document);
}

void at_drawn_settle(at_drawn *self)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < self->n; i++) {
        at_ranked one = self->missed[i];
        if (is_among_first(&self->candidates, one) ||
            is_among_last(&self->candidates, one)) {
            self->missed[n_kept++] = one;
        }
    }
    self->n = n_kept;
    if (n_kept > 0) {
        qsort(self->missed, n_kept, sizeof *self->missed, compare_documents);
    }
}

static void move_list(at_ranked *list, size_t n, size_t first)
{
    for (size_t i = 0; i < n; i++) {
        list[i].document -= first;
    }
}

void at_drawn_move(at_drawn *self, size_t first)
{
    move_list(self->candidates.best, self->candidates.n_best, first);
    move_list(self->candidates.worst, self->candidates.n_worst, first);
    move_list(self->missed, self->n, first);
}

void at_drawn_count(const at_drawn *self, size_t *n_top, size_t *n_bottom)
{
    *n_top = 0;
    *n_bottom = 0;
    for (size_t i = 0; i < self->n; i++) {
        *n_top += is_among_first(&self->candidates, self->missed[i]);
        *n_bottom += is_among_last(&self->candidates, self->missed[i]);
    }
}

/* 2. Writing */

static attrib_status pack_list(msgpack_packer *packer,
                               const at_ranked *list,
                               size_t n,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array(packer, 2 * n, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_pack_size(packer, list[i].document, err));
        AT_TRY(at_pack_number(packer, list[i].score, err));
    }
done:
    return status;
}

attrib_status at_drawn_write(const attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(at_pack_map(&packer, 4, err));
    AT_TRY(at_pack_text_member(&packer, "format", FORMAT, err));
    AT_TRY(at_pack_size_member(&packer, "version", AT_RUN_VERSION, err));
    AT_TRY(at_pack_text_member(&packer, "run", run->identity, err));
    AT_TRY(at_pack_array_member(&packer, "answers", run->info.n_answers, err));
    for (size_t a = 0; a < run->info.n_answers; a++) {
        const at_drawn *one = &run->drawn[a];
        const at_top *top = &one->candidates;
        AT_TRY(at_pack_array(&packer, 3, err));
        AT_TRY(pack_list(&packer, top->best, top->n_best, err));
        AT_TRY(pack_list(&packer, top->worst, top->n_worst, err));
        AT_TRY(pack_list(&packer, one->missed, one->n, err));
    }
    AT_TRY(at_join_path(run->info.folder, AT_RUN_DRAWN, &path, err));
    AT_TRY(at_record_write(path, &bytes, err));
done:
    free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

/* 3. Reading */

/* The i-th list of an answer, of at most `most` documents. */
static attrib_status find_list(const attrib_run *run,
                               const at_record *record,
                               const msgpack_object *answer,
                               size_t i,
                               size_t most,
                               const msgpack_object_array **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(answer->type == MSGPACK_OBJECT_ARRAY && answer->via.array.size == 3 &&
                 answer->via.array.ptr[i].type == MSGPACK_OBJECT_ARRAY,
             ATTRIB_EFORMAT, "%s: an answer, expected three lists", record->name);
    *out = &answer->via.array.ptr[i].via.array;
    AT_CHECK((*out)->size % 2 == 0 && (*out)->size / 2 <= most &&
                 (*out)->size / 2 <= run->info.n_documents,
             ATTRIB_EFORMAT,
             "%s: a list of %u, expected at most %zu documents and scores", record->name,
             (*out)->size, most);
done:
    return status;
}

static attrib_status read_pair(const attrib_run *run,
                               const at_record *record,
                               const msgpack_object *pair,
                               at_ranked *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_number =
        pair[1].type == MSGPACK_OBJECT_FLOAT64 || pair[1].type == MSGPACK_OBJECT_FLOAT32;
    AT_CHECK(pair[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
                 pair[0].via.u64 < run->info.n_documents && is_number &&
                 isfinite(pair[1].via.f64),
             ATTRIB_EFORMAT, "%s: expected a document of %zu and its score", record->name,
             run->info.n_documents);
    *out = (at_ranked){(size_t)pair[0].via.u64, pair[1].via.f64};
done:
    return status;
}

static attrib_status read_answer(const attrib_run *run,
                                 const at_record *record,
                                 const msgpack_object *answer,
                                 at_drawn *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t k = at_drawn_most(run);
    const size_t most[3] = {k, k, run->info.n_sampled};
    AT_TRY(at_drawn_new(k, out, err));
    for (size_t i = 0; i < 3; i++) {
        const msgpack_object_array *list = NULL;
        AT_TRY(find_list(run, record, answer, i, most[i], &list, err));
        for (size_t d = 0; d + 1 < list->size; d += 2) {
            at_ranked one = {0};
            AT_TRY(read_pair(run, record, &list->ptr[d], &one, err));
            if (i == 0) {
                at_top_add_best(&out->candidates, one.document, one.score);
            } else if (i == 1) {
                at_top_add_worst(&out->candidates, one.document, one.score);
            } else {
                AT_TRY(at_drawn_add(out, one, err));
            }
        }
    }
done:
    return status;
}

attrib_status at_drawn_read(const attrib_run *run, at_drawn **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *path = NULL;
    const char *identity = "";
    size_t n = 0;
    size_t n_answers = run->info.n_answers;
    at_drawn *made = NULL;
    const msgpack_object *list = NULL;
    AT_TRY(at_join_path(run->info.folder, AT_RUN_DRAWN, &path, err));
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(at_record_text(record.name, &record.map, "run", &identity, &n, err));
    AT_CHECK(n == strlen(run->identity) && memcmp(identity, run->identity, n) == 0,
             ATTRIB_EFORMAT, "%s: of another run", record.name);
    list = at_record_find(&record.map, "answers");
    AT_CHECK(list && list->type == MSGPACK_OBJECT_ARRAY &&
                 list->via.array.size == n_answers,
             ATTRIB_EFORMAT, "%s: expected %zu answers", record.name, n_answers);
    AT_TRY(at_array(n_answers, sizeof *made, &made, err));
    for (size_t a = 0; a < n_answers; a++) {
        AT_TRY(read_answer(run, &record, &list->via.array.ptr[a], &made[a], err));
    }
    *out = made;
    made = NULL;
done:
    at_drawn_free_all(made, n_answers);
    at_record_free(&record);
    free(path);
    return status;
}
