/* SPDX-License-Identifier: MIT */
/* Read the answers of a run from their record into the run's bank, but for what reported
 * documents are made of (explained.c). Every member is checked, as the file may come from
 * anywhere. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/members.h"

/* Members of a direction, which is there where it has a path. */
static attrib_status read_direction(const at_member_reader *self,
                                    const msgpack_object *map,
                                    attrib_query *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_direction *direction = NULL;
    const char *positions = NULL;
    size_t n = 0;
    AT_TRY(at_arena_take(self->run->bank, 1, sizeof *direction, &direction, err));
    AT_TRY(at_member_text(self, map, "direction", true, &direction->path, err));
    AT_TRY(at_member_size(self, map, "layer", &direction->layer, err));
    AT_TRY(at_member_size(self, map, "direction_values", &direction->n_values, err));
    AT_TRY(at_member_bytes(self, map, "positions", &positions, &n, err));
    AT_CHECK(n == (direction->path ? out->n_tokens : 0), ATTRIB_EFORMAT,
             "%s: positions of %zu tokens, expected %zu", self->name, n, out->n_tokens);
    direction->positions = (const uint8_t *)positions;
    if (direction->path) {
        out->direction = direction;
    }
done:
    return status;
}

static attrib_status read_measure(const at_member_reader *self,
                                  const msgpack_object *map,
                                  attrib_query *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t measure = 0;
    AT_TRY(at_member_size(self, map, "measure", &measure, err));
    AT_CHECK(measure <= ATTRIB_MEASURE_DIRECTION, ATTRIB_EFORMAT, "%s: measure %zu",
             self->name, measure);
    out->measure = (attrib_measure)measure;
    AT_TRY(at_member_text(self, map, "against", true, &out->against, err));
    AT_TRY(at_member_size(self, map, "against_token", &out->against_token, err));
    AT_CHECK(out->against_token <= out->n_tokens, ATTRIB_EFORMAT,
             "%s: another side at token %zu of %zu", self->name, out->against_token,
             out->n_tokens);
    AT_TRY(read_direction(self, map, out, err));
done:
    return status;
}

static attrib_status read_query(const at_member_reader *self,
                                const msgpack_object *map,
                                attrib_query *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *ids = NULL;
    const char *mask = NULL;
    int32_t *copy = NULL;
    size_t n_id_bytes = 0;
    size_t n_mask = 0;
    size_t is_generated = 0;
    size_t is_cut = 0;
    size_t is_turn = 0;
    AT_TRY(at_member_text(self, map, "id", false, &out->id, err));
    AT_TRY(at_member_text(self, map, "prompt", true, &out->prompt, err));
    AT_TRY(at_member_text(self, map, "completion", true, &out->completion, err));
    AT_TRY(at_member_size(self, map, "is_generated", &is_generated, err));
    AT_TRY(at_member_size(self, map, "is_cut", &is_cut, err));
    AT_TRY(at_member_size(self, map, "is_turn", &is_turn, err));
    AT_TRY(at_member_tags(self, map, &out->tags, &out->n_tags, err));
    AT_TRY(at_member_bytes(self, map, "ids", &ids, &n_id_bytes, err));
    AT_TRY(at_member_bytes(self, map, "mask", &mask, &n_mask, err));
    AT_CHECK(n_id_bytes == n_mask * sizeof *copy, ATTRIB_EFORMAT,
             "%s: %zu bytes of ids for %zu tokens", self->name, n_id_bytes, n_mask);
    AT_TRY(at_arena_take(self->run->bank, n_mask, sizeof *copy, &copy, err));
    memcpy(copy, ids, n_id_bytes);
    out->ids = copy;
    out->mask = (const uint8_t *)mask;
    out->n_tokens = n_mask;
    out->is_generated = is_generated != 0;
    out->is_cut = is_cut != 0;
    out->is_turn = is_turn != 0;
    AT_TRY(read_measure(self, map, out, err));
done:
    return status;
}

static attrib_status read_hash(const at_member_reader *self,
                               const msgpack_object *map,
                               char out[AT_HASH_SIZE],
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *hash = NULL;
    AT_TRY(at_member_find(self, map, "hash", MSGPACK_OBJECT_STR, &hash, err));
    AT_CHECK(hash->via.str.size == AT_HASH_SIZE - 1, ATTRIB_EFORMAT,
             "%s: a document's hash of %u digits", self->name,
             (unsigned)hash->via.str.size);
    memcpy(out, hash->via.str.ptr, AT_HASH_SIZE - 1);
    out[AT_HASH_SIZE - 1] = '\0';
done:
    return status;
}

static attrib_status read_document(const at_member_reader *self,
                                   const msgpack_object *map,
                                   attrib_document *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_member_size(self, map, "index", &out->index, err));
    AT_TRY(at_member_text(self, map, "id", false, &out->id, err));
    AT_TRY(at_member_text(self, map, "source", false, &out->source, err));
    AT_TRY(at_member_text(self, map, "member", true, &out->member, err));
    AT_TRY(at_member_size(self, map, "line", &out->line, err));
    AT_TRY(at_member_size(self, map, "span_start", &out->span_start, err));
    AT_TRY(at_member_size(self, map, "span_end", &out->span_end, err));
    AT_TRY(at_member_size(self, map, "predicted", &out->n_predicted, err));
    AT_TRY(read_hash(self, map, out->hash, err));
    AT_TRY(at_member_size(self, map, "rejected_token", &out->rejected_token, err));
    AT_TRY(at_member_size(self, map, "rejected_byte", &out->rejected_byte, err));
    AT_TRY(at_member_tags(self, map, &out->tags, &out->n_tags, err));
    AT_TRY(at_member_size(self, map, "tokens", &out->n_tokens, err));
    AT_TRY(at_member_size(self, map, "text_bytes", &out->n_text_bytes, err));
done:
    return status;
}

static attrib_status check_sides(const at_member_reader *self,
                                 const attrib_document *document,
                                 attrib_error *err)
{
    if (document->rejected_token > document->n_tokens ||
        document->rejected_byte > document->n_text_bytes) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: a rejected side at token %zu of %zu, byte %zu of %zu",
                       self->name, document->rejected_token, document->n_tokens,
                       document->rejected_byte, document->n_text_bytes);
    }
    return ATTRIB_OK;
}

/* Where a document stands in the file of what they are made of. */
static attrib_status read_extract(const at_member_reader *self,
                                  const msgpack_object *map,
                                  at_extract *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_explained *explained = self->run->explained;
    const msgpack_object *digest = NULL;
    AT_TRY(at_member_size(self, map, "start", &out->start, err));
    AT_TRY(at_member_size(self, map, "bytes", &out->n_bytes, err));
    AT_TRY(at_member_find(self, map, "digest", MSGPACK_OBJECT_BIN, &digest, err));
    AT_CHECK(digest->via.bin.size == sizeof out->digest, ATTRIB_EFORMAT,
             "%s: a digest of %u bytes", self->name, (unsigned)digest->via.bin.size);
    memcpy(out->digest, digest->via.bin.ptr, sizeof out->digest);
    AT_CHECK(out->start <= explained->map.n_bytes &&
                 out->n_bytes <= explained->map.n_bytes - out->start,
             ATTRIB_EFORMAT, "%s: %zu bytes, a document ends at %zu (cut short)",
             explained->path, explained->map.n_bytes, out->start + out->n_bytes);
done:
    return status;
}

/* A list of reported documents that is being read. */
typedef struct listed {
    const char *key;
    const msgpack_object *list;
    size_t first; /* of the answer's documents */
} listed;

static attrib_status read_results(const at_member_reader *self,
                                  const listed *from,
                                  at_explained_answer *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < from->list->via.array.size; i++) {
        const msgpack_object *entry = &from->list->via.array.ptr[i];
        attrib_result *result = &out->results[from->first + i];
        *result = (attrib_result){0};
        AT_TRY(at_member_size(self, entry, "rank", &result->rank, err));
        AT_TRY(at_member_number(self, entry, "score", &result->score, err));
        AT_TRY(at_member_number(self, entry, "token_error", &result->token_error, err));
        AT_TRY(read_document(self, entry, &result->document, err));
        AT_TRY(check_sides(self, &result->document, err));
        AT_TRY(read_extract(self, entry, &out->extracts[from->first + i], err));
    }
done:
    return status;
}

/* Both ends of the ranking, which stand in one list. */
static attrib_status read_ends(const at_member_reader *self,
                               const msgpack_object *map,
                               attrib_answer *answer,
                               at_explained_answer *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    listed ends[2] = {{.key = "top"}, {.key = "bottom"}};
    at_arena *bank = self->run->bank;
    for (size_t i = 0; i < 2; i++) {
        AT_TRY(at_member_find(self, map, ends[i].key, MSGPACK_OBJECT_ARRAY, &ends[i].list,
                              err));
        ends[i].first = out->n;
        out->n += ends[i].list->via.array.size;
    }
    AT_TRY(at_arena_take(bank, out->n, sizeof *out->results, &out->results, err));
    AT_TRY(at_arena_take(bank, out->n, sizeof *out->extracts, &out->extracts, err));
    for (size_t i = 0; i < 2; i++) {
        AT_TRY(read_results(self, &ends[i], out, err));
    }
    answer->top = out->results;
    answer->n_top = ends[1].first;
    answer->bottom = out->results + ends[1].first;
    answer->n_bottom = out->n - ends[1].first;
done:
    return status;
}

static attrib_strategy strategy_of(const at_member_reader *self,
                                   const attrib_answer *answer)
{
    return self->run->options.settings[answer->i_setting].strategy;
}

static attrib_status read_answer(const at_member_reader *self,
                                 const msgpack_object *map,
                                 attrib_answer *out,
                                 at_explained_answer *explained,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_normalize normalize = self->run->options.normalize;
    AT_TRY(read_query(self, map, &out->query, err));
    AT_TRY(at_member_size(self, map, "setting", &out->i_setting, err));
    AT_CHECK(out->i_setting < self->run->options.n_settings, ATTRIB_EFORMAT,
             "%s: setting %zu of %zu", self->name, out->i_setting,
             self->run->options.n_settings);
    AT_TRY(at_member_size(self, map, "rows", &out->n_rows, err));
    AT_TRY(at_member_number(self, map, "loss", &out->loss, err));
    AT_TRY(at_member_number(self, map, "measured", &out->measured, err));
    AT_TRY(at_member_number(self, map, "self", &out->self_influence, err));
    if (attrib_strategy_is_baseline(strategy_of(self, out))) {
        out->self_influence = (double)NAN;
    } else {
        AT_CHECK((normalize != ATTRIB_NORMALIZE_NATS || out->loss > 0) &&
                     (normalize != ATTRIB_NORMALIZE_UNIT || out->self_influence > 0),
                 ATTRIB_EFORMAT, "%s: scores divided by 0", self->name);
    }
    out->residual = (double)NAN;
    if (at_record_find(map, "residual")) {
        AT_TRY(at_member_number(self, map, "residual", &out->residual, err));
    }
    AT_TRY(at_member_size(self, map, "scored", &out->n_scored, err));
    AT_TRY(at_member_size(self, map, "missed_top", &out->n_missed_top, err));
    AT_TRY(at_member_size(self, map, "missed_bottom", &out->n_missed_bottom, err));
    AT_CHECK(out->n_scored <= self->run->info.n_passed &&
                 out->n_missed_top <= self->run->info.n_sampled &&
                 out->n_missed_bottom <= self->run->info.n_sampled,
             ATTRIB_EFORMAT, "%s: %zu documents scored for a query, of %zu in all",
             self->name, out->n_scored, self->run->info.n_passed);
    AT_TRY(read_ends(self, map, out, explained, err));
    for (size_t t = 1; t < attrib_query_side(&out->query); t++) {
        out->n_completion_tokens += out->query.mask[t] != 0;
    }
done:
    return status;
}

static attrib_status unpack_answer(const at_member_reader *self,
                                   const msgpack_object *packed,
                                   size_t i,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    AT_CHECK(packed->type == MSGPACK_OBJECT_BIN, ATTRIB_EFORMAT,
             "%s: answer %zu is of another kind", self->name, i);
    AT_TRY(at_record_unpack(self->name, packed->via.bin.ptr, packed->via.bin.size,
                            &unpacked, err));
    AT_TRY(read_answer(self, &unpacked.data, &self->run->answers[i],
                       &self->run->explained->answers[i], err));
done:
    msgpack_unpacked_destroy(&unpacked);
    return status;
}

static attrib_status read_answers(const at_member_reader *self,
                                  const msgpack_object *map,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = self->run;
    const msgpack_object *list = NULL;
    AT_TRY(at_member_find(self, map, "answers", MSGPACK_OBJECT_ARRAY, &list, err));
    AT_CHECK(list->via.array.size == run->info.n_answers, ATTRIB_EFORMAT,
             "%s: %zu answers, expected %zu", self->name, (size_t)list->via.array.size,
             run->info.n_answers);
    AT_TRY(at_array(run->info.n_answers, sizeof *run->answers, &run->answers, err));
    for (size_t i = 0; i < run->info.n_answers; i++) {
        AT_TRY(unpack_answer(self, &list->via.array.ptr[i], i, err));
    }
done:
    return status;
}

/* The tokens that occur in documents. */
static attrib_status read_pieces(const at_member_reader *self,
                                 const msgpack_object *map,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_explained *explained = self->run->explained;
    const msgpack_object *list = NULL;
    AT_TRY(at_member_find(self, map, "pieces", MSGPACK_OBJECT_ARRAY, &list, err));
    explained->n_pieces = list->via.array.size;
    AT_TRY(at_arena_take(self->run->bank, explained->n_pieces, sizeof *explained->pieces,
                         &explained->pieces, err));
    for (size_t i = 0; i < explained->n_pieces; i++) {
        const msgpack_object *entry = &list->via.array.ptr[i];
        attrib_token_score *piece = &explained->pieces[i];
        size_t id = 0;
        size_t is_special = 0;
        *piece = (attrib_token_score){0};
        AT_TRY(at_member_size(self, entry, "id", &id, err));
        AT_TRY(at_member_size(self, entry, "is_special", &is_special, err));
        AT_TRY(at_member_bytes(self, entry, "text", &piece->text, &piece->n_bytes, err));
        AT_CHECK(id <= INT32_MAX, ATTRIB_EFORMAT, "%s: token id %zu", self->name, id);
        piece->id = (int32_t)id;
        piece->is_special = is_special != 0;
    }
done:
    return status;
}

static attrib_status read_module_names(const at_member_reader *self,
                                       const msgpack_object *map,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_explained *explained = self->run->explained;
    at_arena *bank = self->run->bank;
    const msgpack_object *list = NULL;
    AT_TRY(at_member_find(self, map, "modules", MSGPACK_OBJECT_ARRAY, &list, err));
    explained->n_modules = list->via.array.size;
    AT_TRY(at_arena_take(bank, explained->n_modules, sizeof *explained->modules,
                         (void *)&explained->modules, err));
    for (size_t m = 0; m < explained->n_modules; m++) {
        const msgpack_object *name = &list->via.array.ptr[m];
        AT_CHECK(name->type == MSGPACK_OBJECT_STR, ATTRIB_EFORMAT,
                 "%s: the name of module %zu is of another kind", self->name, m);
        AT_TRY(at_arena_text(bank, name->via.str.ptr, name->via.str.size,
                             &explained->modules[m], err));
    }
done:
    return status;
}

attrib_status at_answers_read(attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *path = NULL;
    const msgpack_object *identity = NULL;
    at_member_reader self = {run, NULL};
    AT_TRY(at_join_path(run->info.folder, AT_RUN_ANSWERS, &path, err));
    self.name = path;
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(at_member_find(&self, &record.map, "run", MSGPACK_OBJECT_STR, &identity, err));
    AT_CHECK(identity->via.str.size == AT_HASH_SIZE - 1 &&
                 memcmp(identity->via.str.ptr, run->identity, AT_HASH_SIZE - 1) == 0,
             ATTRIB_ESHAPE, "%s: of another run than the manifest in its folder", path);
    AT_TRY(at_explained_open(run, err));
    AT_TRY(read_pieces(&self, &record.map, err));
    AT_TRY(read_module_names(&self, &record.map, err));
    AT_TRY(read_answers(&self, &record.map, err));
done:
    at_record_free(&record);
    free(path);
    return status;
}
