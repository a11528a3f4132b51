/* SPDX-License-Identifier: MIT */
/* The manifest of a run read (manifest_write.c). Every member is checked, as the file may
 * come from anywhere. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/record_options.h"
#include "run/prepared.h"

/* Copy a text of the manifest into the bank. */
static attrib_status take_text(attrib_run *run,
                               const at_record *record,
                               const char *key,
                               const char **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = "";
    size_t n = 0;
    AT_TRY(at_record_text(record->name, &record->map, key, &text, &n, err));
    AT_TRY(at_arena_text(run->bank, text, n, out, err));
done:
    return status;
}

/* The same for a text that older manifests lack, which is "" then. */
static attrib_status take_later_text(attrib_run *run,
                                     const at_record *record,
                                     const char *key,
                                     const char **out,
                                     attrib_error *err)
{
    *out = "";
    return at_record_find(&record->map, key) ? take_text(run, record, key, out, err)
                                             : ATTRIB_OK;
}

/* Copy a hash; "" stands for none. */
static attrib_status take_hash(const at_record *record,
                               const msgpack_object *value,
                               const char *what,
                               char out[AT_HASH_SIZE],
                               attrib_error *err)
{
    size_t n = value && value->type == MSGPACK_OBJECT_STR ? value->via.str.size : 1;
    if (n != 0 && n != AT_HASH_SIZE - 1) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: %s, expected a hash", record->name,
                       what);
    }
    if (n) {
        memcpy(out, value->via.str.ptr, n);
    }
    out[n] = '\0';
    return ATTRIB_OK;
}

static attrib_status check_kind(attrib_run *run,
                                const at_record *record,
                                const char *wanted,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *format = NULL;
    const char *identity = NULL;
    size_t version = 0;
    AT_TRY(take_text(run, record, "format", &format, err));
    AT_CHECK(strcmp(format, wanted) == 0, ATTRIB_EFORMAT, "%s: not the manifest of a run",
             record->name);
    AT_TRY(at_record_size(record->name, &record->map, "version", &version, err));
    AT_CHECK(version == AT_RUN_VERSION, ATTRIB_EVERSION, "%s: version %zu, expected %d",
             record->name, version, AT_RUN_VERSION);
    AT_TRY(take_text(run, record, "run", &identity, err));
    AT_CHECK(strlen(identity) == AT_HASH_SIZE - 1, ATTRIB_EFORMAT,
             "%s: identity of %zu characters", record->name, strlen(identity));
    memcpy(run->identity, identity, AT_HASH_SIZE);
done:
    return status;
}

static attrib_status take_groups(attrib_run *run,
                                 const at_record *record,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = at_record_find(&record->map, "groups");
    AT_CHECK(list && list->type == MSGPACK_OBJECT_ARRAY, ATTRIB_EFORMAT,
             "%s: key \"groups\", expected an array", record->name);
    run->info.n_groups = list->via.array.size;
    AT_TRY(at_arena_take(run->bank, run->info.n_groups, sizeof *run->groups, &run->groups,
                         err));
    for (size_t g = 0; g < run->info.n_groups; g++) {
        const msgpack_object *name = &list->via.array.ptr[g];
        AT_CHECK(name->type == MSGPACK_OBJECT_STR, ATTRIB_EFORMAT,
                 "%s: group %zu, expected a text", record->name, g);
        AT_TRY(at_arena_text(run->bank, name->via.str.ptr, name->via.str.size,
                             &run->groups[g], err));
    }
done:
    return status;
}

static attrib_status take_fields(attrib_run *run,
                                 const at_record *record,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = at_record_find(&record->map, "fields");
    AT_CHECK(list && list->type == MSGPACK_OBJECT_ARRAY &&
                 list->via.array.size == AT_N_FIELDS,
             ATTRIB_EFORMAT, "%s: key \"fields\", expected an array of %d", record->name,
             (int)AT_N_FIELDS);
    for (size_t i = 0; i < AT_N_FIELDS; i++) {
        const msgpack_object *name = &list->via.array.ptr[i];
        bool is_text = name->type == MSGPACK_OBJECT_STR;
        AT_CHECK(is_text || name->type == MSGPACK_OBJECT_NIL, ATTRIB_EFORMAT,
                 "%s: field %zu, expected a text or nil", record->name, i);
        if (is_text) {
            AT_TRY(at_copy_text(name->via.str.size ? name->via.str.ptr : "",
                                name->via.str.size, &run->fields.names[i], err));
        }
    }
done:
    return status;
}

static attrib_status take_options(attrib_run *run,
                                  const at_record *record,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_score_options *options = &run->options;
    run->info.options = options;
    const msgpack_object *map = at_record_find(&record->map, "options");
    AT_CHECK(map, ATTRIB_EFORMAT, "%s: no options", record->name);
    AT_TRY(at_record_options(record->name, map, attrib_score_options_table(), run->bank,
                             options, err));
    AT_CHECK(options->normalize != ATTRIB_NORMALIZE_UNIT || options->with_self,
             ATTRIB_EFORMAT, "%s: cosines without self-influences", record->name);
done:
    return status;
}

/* Results of cut queries. */
static attrib_status take_outcome(attrib_run_info *info,
                                  const at_record *record,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *name = record->name;
    const msgpack_object *map = &record->map;
    AT_TRY(at_record_size(name, map, "rescored", &info->n_rescored, err));
    AT_TRY(at_record_size(name, map, "open", &info->n_open, err));
    AT_TRY(at_record_number(name, map, "largest_error", &info->largest_error, err));
    AT_TRY(at_record_number(name, map, "largest_bound", &info->largest_bound, err));
done:
    return status;
}

static attrib_status take_origin(attrib_run *run,
                                 const at_record *record,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &run->info;
    AT_TRY(take_text(run, record, "model_hash", &info->model_hash, err));
    AT_TRY(take_text(run, record, "corpus_hash", &info->corpus_hash, err));
    AT_TRY(take_later_text(run, record, "corpus_date", &info->corpus_date, err));
    AT_TRY(
        take_later_text(run, record, "corpus_selection", &info->corpus_selection, err));
    AT_TRY(take_later_text(run, record, "directory", &info->directory, err));
    AT_TRY(take_later_text(run, record, "kernels", &info->kernels, err));
    AT_TRY(take_text(run, record, "factors_hash", &info->factors_hash, err));
    AT_TRY(take_text(run, record, "command", &info->command, err));
    run->options.command = info->command;
done:
    return status;
}

attrib_status at_part_take(const at_record *record,
                           const msgpack_object *value,
                           at_part *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *members = value->via.array.ptr;
    size_t *sizes[] = {&out->first, &out->end, &out->n_corpus, &out->block_rows};
    AT_CHECK(value->type == MSGPACK_OBJECT_ARRAY &&
                 value->via.array.size == AT_PART_MEMBERS,
             ATTRIB_EFORMAT, "%s: a part, expected an array of %d", record->name,
             AT_PART_MEMBERS);
    AT_TRY(take_hash(record, &members[0], "a part", out->corpus_hash, err));
    for (size_t i = 1; i < AT_PART_MEMBERS; i++) {
        AT_CHECK(members[i].type == MSGPACK_OBJECT_POSITIVE_INTEGER, ATTRIB_EFORMAT,
                 "%s: a part, expected a size", record->name);
        *sizes[i - 1] = (size_t)members[i].via.u64;
    }
    AT_CHECK(out->first < out->end && out->end <= out->n_corpus, ATTRIB_EFORMAT,
             "%s: a part of documents %zu to %zu of %zu", record->name, out->first,
             out->end, out->n_corpus);
done:
    return status;
}

/* The parts of the run, whose documents are all that it has. */
static attrib_status take_parts(attrib_run *run,
                                const at_record *record,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = at_record_find(&record->map, "parts");
    size_t n_documents = 0;
    AT_CHECK(list && list->type == MSGPACK_OBJECT_ARRAY, ATTRIB_EFORMAT,
             "%s: key \"parts\", expected an array", record->name);
    run->n_parts = list->via.array.size;
    if (run->n_parts > 0) {
        AT_TRY(at_array(run->n_parts, sizeof *run->parts, &run->parts, err));
    }
    for (size_t i = 0; i < run->n_parts; i++) {
        at_part *part = &run->parts[i];
        AT_TRY(at_part_take(record, &list->via.array.ptr[i], part, err));
        AT_TRY(at_add(n_documents, part->end - part->first, &n_documents, err));
    }
    AT_CHECK(run->n_parts == 0 || n_documents == run->info.n_documents, ATTRIB_EFORMAT,
             "%s: parts of %zu documents, expected %zu", record->name, n_documents,
             run->info.n_documents);
done:
    return status;
}

/* What a filter of documents let through. */
static attrib_status take_filter(attrib_run *run,
                                 const at_record *record,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &run->info;
    const char *name = record->name;
    AT_TRY(at_record_size(name, &record->map, "passed", &info->n_passed, err));
    AT_TRY(at_record_size(name, &record->map, "candidates", &info->n_candidates, err));
    AT_TRY(at_record_size(name, &record->map, "sampled", &info->n_sampled, err));
    AT_CHECK(info->n_passed <= info->n_documents && info->n_sampled <= info->n_passed &&
                 (info->n_candidates > 0) == (run->options.prefilter != NULL),
             ATTRIB_EFORMAT,
             "%s: %zu candidates and %zu documents drawn, %zu of %zu scored", name,
             info->n_candidates, info->n_sampled, info->n_passed, info->n_documents);
done:
    return status;
}

/* Compute the sizes that follow from the counts of the manifest. */
static attrib_status derive_sizes(attrib_run *run, const char *name, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &run->info;
    size_t n_planes_of_one = 0;
    AT_CHECK(info->n_documents > 0 && (info->n_queries > 0 || run->options.with_self),
             ATTRIB_EFORMAT, "%s: no documents, or neither queries nor self-influences",
             name);
    AT_CHECK(run->n_tile > 0 && run->n_tile <= at_larger(info->n_queries, 1),
             ATTRIB_EFORMAT, "%s: tiles of %zu queries of %zu", name, run->n_tile,
             info->n_queries);
    AT_CHECK((run->n_first > 0) == (info->query_rank > 0 && info->n_queries > 0),
             ATTRIB_EFORMAT, "%s: began with %zu queries of rank %zu", name, run->n_first,
             info->query_rank);
    AT_TRY(at_mul(run->options.n_settings, info->n_queries, &info->n_answers, err));
    AT_TRY(at_add(info->n_groups, 1, &n_planes_of_one, err));
    AT_TRY(at_mul(run->options.n_settings, n_planes_of_one, &info->n_planes, err));
done:
    return status;
}

/* Hashes that the identity is of, and the parts of the run. */
static attrib_status take_makeup(attrib_run *run,
                                 const at_record *record,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *modules = at_record_find(&record->map, "modules_hash");
    const msgpack_object *queries = at_record_find(&record->map, "queries_hash");
    AT_TRY(take_hash(record, modules, "modules_hash", run->modules_hash, err));
    AT_TRY(take_hash(record, queries, "queries_hash", run->queries_hash, err));
    AT_TRY(take_parts(run, record, err));
done:
    return status;
}

static attrib_status take_sizes(attrib_run *run,
                                const at_record *record,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &run->info;
    const char *name = record->name;
    const msgpack_object *map = &record->map;
    AT_TRY(at_record_size(name, map, "queries", &info->n_queries, err));
    AT_TRY(at_record_size(name, map, "documents", &info->n_documents, err));
    AT_TRY(at_record_size(name, map, "modules", &info->n_modules, err));
    AT_TRY(at_record_size(name, map, "tokens", &info->n_tokens, err));
    AT_TRY(at_record_size(name, map, "tile", &run->n_tile, err));
    AT_TRY(at_record_size(name, map, "first_queries", &run->n_first, err));
    AT_TRY(at_record_size(name, map, "query_rank", &info->query_rank, err));
done:
    return status;
}

attrib_status at_run_take(attrib_run *run,
                          const at_record *record,
                          const char *format,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &run->info;
    const char *name = record->name;
    const msgpack_object *map = &record->map;
    AT_TRY(check_kind(run, record, format, err));
    AT_TRY(take_options(run, record, err));
    AT_TRY(take_groups(run, record, err));
    AT_TRY(take_sizes(run, record, err));
    AT_TRY(take_outcome(info, record, err));
    AT_TRY(at_record_number(name, map, "tracked_share", &info->tracked_share, err));
    if (at_record_find(map, "assumed_error")) { /* older runs have none */
        AT_TRY(at_record_number(name, map, "assumed_error", &info->assumed_error, err));
    }
    AT_CHECK(isfinite(info->largest_error) && isfinite(info->largest_bound) &&
                 isfinite(info->assumed_error) && isfinite(info->tracked_share),
             ATTRIB_EFORMAT, "%s: an error, bound or share that is not finite", name);
    AT_TRY(take_filter(run, record, err));
    AT_TRY(take_origin(run, record, err));
    AT_TRY(take_fields(run, record, err));
    AT_TRY(take_makeup(run, record, err));
    AT_TRY(at_checkpoints_take(run, record, err));
    AT_TRY(derive_sizes(run, name, err));
done:
    return status;
}

attrib_status at_run_manifest_read(attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *path = NULL;
    AT_TRY(at_join_path(run->info.folder, AT_RUN_MANIFEST, &path, err));
    AT_CHECK(at_is_file(path), ATTRIB_EFORMAT,
             "%s: no %s, expected the folder of a finished run", run->info.folder,
             AT_RUN_MANIFEST);
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(at_run_take(run, &record, "attrib run", err));
done:
    at_record_free(&record);
    free(path);
    return status;
}
