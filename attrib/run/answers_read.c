/* SPDX-License-Identifier: MIT */
/* Read the answers of a run from their record into the run's bank. Every member is
 * checked, as the file may come from anywhere. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "run/run.h"

/* What every reading function needs. */
typedef struct reading {
    attrib_run *run;
    const char *name; /* path of the file, for messages */
} reading;

static attrib_status find_member(const reading *self,
                                 const msgpack_object *map,
                                 const char *key,
                                 msgpack_object_type type,
                                 const msgpack_object **out,
                                 attrib_error *err)
{
    const msgpack_object *member =
        map->type == MSGPACK_OBJECT_MAP ? at_record_find(map, key) : NULL;
    if (!member || member->type != type) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: member \"%s\" is missing or of another kind", self->name,
                       key);
    }
    *out = member;
    return ATTRIB_OK;
}

static attrib_status read_size(const reading *self,
                               const msgpack_object *map,
                               const char *key,
                               size_t *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *member = NULL;
    AT_TRY(find_member(self, map, key, MSGPACK_OBJECT_POSITIVE_INTEGER, &member, err));
    *out = (size_t)member->via.u64;
done:
    return status;
}

static attrib_status read_number(const reading *self,
                                 const msgpack_object *map,
                                 const char *key,
                                 double *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double value = 0;
    AT_CHECK(map->type == MSGPACK_OBJECT_MAP && at_record_find(map, key), ATTRIB_EFORMAT,
             "%s: member \"%s\" is missing", self->name, key);
    AT_TRY(at_record_number(self->name, map, key, &value, err));
    AT_CHECK(isfinite(value), ATTRIB_ENUMERIC, "%s: %s is not finite", self->name, key);
    *out = value;
done:
    return status;
}

/* Copy a text into the bank; nil becomes NULL where it is allowed. */
static attrib_status read_text(const reading *self,
                               const msgpack_object *map,
                               const char *key,
                               bool may_be_nil,
                               const char **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *member = NULL;
    const msgpack_object *nil =
        map->type == MSGPACK_OBJECT_MAP ? at_record_find(map, key) : NULL;
    if (may_be_nil && nil && nil->type == MSGPACK_OBJECT_NIL) {
        *out = NULL;
        return ATTRIB_OK;
    }
    AT_TRY(find_member(self, map, key, MSGPACK_OBJECT_STR, &member, err));
    AT_TRY(at_arena_text(self->run->bank, member->via.str.ptr, member->via.str.size, out,
                         err));
done:
    return status;
}

static attrib_status read_bytes(const reading *self,
                                const msgpack_object *map,
                                const char *key,
                                const char **out,
                                size_t *n,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *member = NULL;
    AT_TRY(find_member(self, map, key, MSGPACK_OBJECT_BIN, &member, err));
    AT_TRY(at_arena_text(self->run->bank, member->via.bin.size ? member->via.bin.ptr : "",
                         member->via.bin.size, out, err));
    *n = member->via.bin.size;
done:
    return status;
}

static attrib_status read_tags(const reading *self,
                               const msgpack_object *map,
                               const attrib_tag **out,
                               size_t *n_tags,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = NULL;
    attrib_tag *tags = NULL;
    AT_TRY(find_member(self, map, "tags", MSGPACK_OBJECT_ARRAY, &list, err));
    AT_TRY(
        at_arena_take(self->run->bank, list->via.array.size, sizeof *tags, &tags, err));
    for (size_t i = 0; i < list->via.array.size; i++) {
        const msgpack_object *tag = &list->via.array.ptr[i];
        AT_TRY(read_text(self, tag, "key", false, &tags[i].key, err));
        AT_TRY(read_text(self, tag, "value", false, &tags[i].value, err));
    }
    *out = tags;
    *n_tags = list->via.array.size;
done:
    return status;
}

/* Members of a direction, which is there where it has a path. */
static attrib_status read_direction(const reading *self,
                                    const msgpack_object *map,
                                    attrib_query *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_direction *direction = NULL;
    const char *positions = NULL;
    size_t n = 0;
    AT_TRY(at_arena_take(self->run->bank, 1, sizeof *direction, &direction, err));
    AT_TRY(read_text(self, map, "direction", true, &direction->path, err));
    AT_TRY(read_size(self, map, "layer", &direction->layer, err));
    AT_TRY(read_size(self, map, "direction_values", &direction->n_values, err));
    AT_TRY(read_bytes(self, map, "positions", &positions, &n, err));
    AT_CHECK(n == (direction->path ? out->n_tokens : 0), ATTRIB_EFORMAT,
             "%s: positions of %zu tokens, expected %zu", self->name, n, out->n_tokens);
    direction->positions = (const uint8_t *)positions;
    if (direction->path) {
        out->direction = direction;
    }
done:
    return status;
}

static attrib_status read_measure(const reading *self,
                                  const msgpack_object *map,
                                  attrib_query *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t measure = 0;
    AT_TRY(read_size(self, map, "measure", &measure, err));
    AT_CHECK(measure <= ATTRIB_MEASURE_DIRECTION, ATTRIB_EFORMAT, "%s: measure %zu",
             self->name, measure);
    out->measure = (attrib_measure)measure;
    AT_TRY(read_text(self, map, "against", true, &out->against, err));
    AT_TRY(read_size(self, map, "against_token", &out->against_token, err));
    AT_CHECK(out->against_token <= out->n_tokens, ATTRIB_EFORMAT,
             "%s: another side at token %zu of %zu", self->name, out->against_token,
             out->n_tokens);
    AT_TRY(read_direction(self, map, out, err));
done:
    return status;
}

static attrib_status read_query(const reading *self,
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
    AT_TRY(read_text(self, map, "id", false, &out->id, err));
    AT_TRY(read_text(self, map, "prompt", true, &out->prompt, err));
    AT_TRY(read_text(self, map, "completion", true, &out->completion, err));
    AT_TRY(read_size(self, map, "is_generated", &is_generated, err));
    AT_TRY(read_size(self, map, "is_cut", &is_cut, err));
    AT_TRY(read_size(self, map, "is_turn", &is_turn, err));
    AT_TRY(read_tags(self, map, &out->tags, &out->n_tags, err));
    AT_TRY(read_bytes(self, map, "ids", &ids, &n_id_bytes, err));
    AT_TRY(read_bytes(self, map, "mask", &mask, &n_mask, err));
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

static attrib_status read_hash(const reading *self,
                               const msgpack_object *map,
                               char out[AT_HASH_SIZE],
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *hash = NULL;
    AT_TRY(find_member(self, map, "hash", MSGPACK_OBJECT_STR, &hash, err));
    AT_CHECK(hash->via.str.size == AT_HASH_SIZE - 1, ATTRIB_EFORMAT,
             "%s: a document's hash of %u digits", self->name,
             (unsigned)hash->via.str.size);
    memcpy(out, hash->via.str.ptr, AT_HASH_SIZE - 1);
    out[AT_HASH_SIZE - 1] = '\0';
done:
    return status;
}

static attrib_status read_document(const reading *self,
                                   const msgpack_object *map,
                                   attrib_document *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t has_text = 0;
    AT_TRY(read_size(self, map, "index", &out->index, err));
    AT_TRY(read_text(self, map, "id", false, &out->id, err));
    AT_TRY(read_text(self, map, "source", false, &out->source, err));
    AT_TRY(read_text(self, map, "member", true, &out->member, err));
    AT_TRY(read_size(self, map, "line", &out->line, err));
    AT_TRY(read_size(self, map, "span_start", &out->span_start, err));
    AT_TRY(read_size(self, map, "span_end", &out->span_end, err));
    AT_TRY(read_size(self, map, "predicted", &out->n_predicted, err));
    AT_TRY(read_hash(self, map, out->hash, err));
    AT_TRY(read_size(self, map, "rejected_token", &out->rejected_token, err));
    AT_TRY(read_size(self, map, "rejected_byte", &out->rejected_byte, err));
    AT_TRY(read_tags(self, map, &out->tags, &out->n_tags, err));
    AT_TRY(read_size(self, map, "has_text", &has_text, err));
    AT_TRY(read_bytes(self, map, "text", &out->text, &out->n_text_bytes, err));
    if (!has_text) {
        out->text = NULL;
    }
done:
    return status;
}

static attrib_status read_tokens(const reading *self,
                                 const msgpack_object *map,
                                 attrib_result *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = NULL;
    attrib_token_score *tokens = NULL;
    AT_TRY(find_member(self, map, "tokens", MSGPACK_OBJECT_ARRAY, &list, err));
    AT_TRY(at_arena_take(self->run->bank, list->via.array.size, sizeof *tokens, &tokens,
                         err));
    for (size_t t = 0; t < list->via.array.size; t++) {
        const msgpack_object *token = &list->via.array.ptr[t];
        size_t id = 0;
        size_t is_special = 0;
        tokens[t] = (attrib_token_score){0};
        AT_TRY(read_bytes(self, token, "text", &tokens[t].text, &tokens[t].n_bytes, err));
        AT_TRY(read_size(self, token, "id", &id, err));
        AT_TRY(read_size(self, token, "is_special", &is_special, err));
        AT_TRY(read_number(self, token, "score", &tokens[t].score, err));
        AT_CHECK(id <= INT32_MAX, ATTRIB_EFORMAT, "%s: token id %zu", self->name, id);
        tokens[t].id = (int32_t)id;
        tokens[t].is_special = is_special != 0;
    }
    out->tokens = tokens;
    out->n_tokens = list->via.array.size;
done:
    return status;
}

static attrib_status read_modules(const reading *self,
                                  const msgpack_object *map,
                                  attrib_result *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = NULL;
    attrib_module_score *modules = NULL;
    AT_TRY(find_member(self, map, "modules", MSGPACK_OBJECT_ARRAY, &list, err));
    AT_TRY(at_arena_take(self->run->bank, list->via.array.size, sizeof *modules, &modules,
                         err));
    for (size_t m = 0; m < list->via.array.size; m++) {
        const msgpack_object *module = &list->via.array.ptr[m];
        AT_TRY(read_text(self, module, "name", false, &modules[m].name, err));
        AT_TRY(read_number(self, module, "score", &modules[m].score, err));
    }
    out->modules = modules;
    out->n_modules = list->via.array.size;
done:
    return status;
}

static attrib_status check_sides(const reading *self,
                                 const attrib_document *document,
                                 attrib_error *err)
{
    if (document->rejected_token > document->n_tokens ||
        document->rejected_byte > document->n_text_bytes ||
        (document->rejected_token > 0 && !document->text)) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: a rejected side at token %zu of %zu, byte %zu of %zu",
                       self->name, document->rejected_token, document->n_tokens,
                       document->rejected_byte, document->n_text_bytes);
    }
    return ATTRIB_OK;
}

static attrib_status read_results(const reading *self,
                                  const msgpack_object *map,
                                  const char *key,
                                  const attrib_result **out,
                                  size_t *n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = NULL;
    attrib_result *results = NULL;
    AT_TRY(find_member(self, map, key, MSGPACK_OBJECT_ARRAY, &list, err));
    AT_TRY(at_arena_take(self->run->bank, list->via.array.size, sizeof *results, &results,
                         err));
    for (size_t i = 0; i < list->via.array.size; i++) {
        const msgpack_object *entry = &list->via.array.ptr[i];
        results[i] = (attrib_result){0};
        AT_TRY(read_size(self, entry, "rank", &results[i].rank, err));
        AT_TRY(read_number(self, entry, "score", &results[i].score, err));
        AT_TRY(read_number(self, entry, "token_error", &results[i].token_error, err));
        AT_TRY(read_document(self, entry, &results[i].document, err));
        AT_TRY(read_tokens(self, entry, &results[i], err));
        AT_TRY(read_modules(self, entry, &results[i], err));
        results[i].document.n_tokens = results[i].n_tokens;
        AT_TRY(check_sides(self, &results[i].document, err));
    }
    *out = results;
    *n = list->via.array.size;
done:
    return status;
}

static attrib_status read_answer(const reading *self,
                                 const msgpack_object *map,
                                 attrib_answer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_normalize normalize = self->run->options.normalize;
    AT_TRY(read_query(self, map, &out->query, err));
    AT_TRY(read_size(self, map, "setting", &out->i_setting, err));
    AT_CHECK(out->i_setting < self->run->options.n_settings, ATTRIB_EFORMAT,
             "%s: setting %zu of %zu", self->name, out->i_setting,
             self->run->options.n_settings);
    AT_TRY(read_size(self, map, "rows", &out->n_rows, err));
    AT_TRY(read_number(self, map, "loss", &out->loss, err));
    AT_TRY(read_number(self, map, "measured", &out->measured, err));
    AT_TRY(read_number(self, map, "self", &out->self_influence, err));
    AT_CHECK((normalize != ATTRIB_NORMALIZE_NATS || out->loss > 0) &&
                 (normalize != ATTRIB_NORMALIZE_UNIT || out->self_influence > 0),
             ATTRIB_EFORMAT, "%s: scores divided by 0", self->name);
    AT_TRY(read_results(self, map, "top", &out->top, &out->n_top, err));
    AT_TRY(read_results(self, map, "bottom", &out->bottom, &out->n_bottom, err));
    for (size_t t = 1; t < attrib_query_side(&out->query); t++) {
        out->n_completion_tokens += out->query.mask[t] != 0;
    }
done:
    return status;
}

attrib_status at_answers_read(attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *path = NULL;
    const msgpack_object *list = NULL;
    const msgpack_object *identity = NULL;
    reading self = {run, NULL};
    AT_TRY(at_join_path(run->info.folder, AT_RUN_ANSWERS, &path, err));
    self.name = path;
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(find_member(&self, &record.map, "run", MSGPACK_OBJECT_STR, &identity, err));
    AT_CHECK(identity->via.str.size == AT_HASH_SIZE - 1 &&
                 memcmp(identity->via.str.ptr, run->identity, AT_HASH_SIZE - 1) == 0,
             ATTRIB_ESHAPE, "%s: of another run than the manifest beside it", path);
    AT_TRY(find_member(&self, &record.map, "answers", MSGPACK_OBJECT_ARRAY, &list, err));
    AT_CHECK(list->via.array.size == run->info.n_answers, ATTRIB_EFORMAT,
             "%s: %zu answers, expected %zu", path, (size_t)list->via.array.size,
             run->info.n_answers);
    AT_TRY(at_array(run->info.n_answers, sizeof *run->answers, &run->answers, err));
    for (size_t q = 0; q < run->info.n_answers; q++) {
        AT_TRY(read_answer(&self, &list->via.array.ptr[q], &run->answers[q], err));
    }
done:
    at_record_free(&record);
    free(path);
    return status;
}
