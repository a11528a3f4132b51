/* SPDX-License-Identifier: MIT */
/* A store's file, mapped.
 *
 * 1. The record
 * 2. Arrays
 * 3. Opening */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "corpus/reading.h"
#include "corpus/store_file.h"
#include "format/utf8.h"

/* 1. The record */

#define COUNT(name) offsetof(attrib_corpus_summary, name)

const size_t at_token_store_counts[] = {
    COUNT(n_documents),       COUNT(n_sequences),
    COUNT(n_tokens),          COUNT(n_predicted),
    COUNT(n_files),           COUNT(n_members),
    COUNT(n_skipped_files),   COUNT(n_excluded_files),
    COUNT(n_repeated_files),  COUNT(n_about_files),
    COUNT(n_empty_documents), COUNT(n_split_documents),
    COUNT(n_skipped_rows),    COUNT(n_html_records),
    COUNT(n_other_records),   COUNT(n_hidden_texts),
    COUNT(n_pairs),           COUNT(n_unmet_documents),
    COUNT(n_long_documents),  COUNT(n_unsampled_documents),
    COUNT(n_duplicates),      COUNT(n_copies),
};
const size_t at_token_store_n_counts =
    sizeof at_token_store_counts / sizeof *at_token_store_counts;

bool at_token_store_is(const char *path)
{
    char first[AT_STORE_MAGIC_BYTES];
    return strcmp(path, "-") != 0 && at_is_file(path) &&
           at_peek_file(path, first, sizeof first) == sizeof first &&
           memcmp(first, AT_STORE_MAGIC, sizeof first) == 0;
}

/* The record that a mapped file ends with. */
static attrib_status take_record(const char *path,
                                 const at_map *map,
                                 at_record *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer bytes = {0};
    uint64_t place[2];
    const char *text = "";
    size_t n = 0;
    size_t version = 0;
    AT_CHECK(map->n_bytes >= AT_STORE_HEADER_BYTES &&
                 memcmp(map->bytes, AT_STORE_MAGIC, AT_STORE_MAGIC_BYTES) == 0,
             ATTRIB_EFORMAT, "%s: not a token store", path);
    memcpy(place, map->bytes + AT_STORE_MAGIC_BYTES, sizeof place);
    AT_CHECK(place[0] <= map->n_bytes && place[1] == map->n_bytes - place[0],
             ATTRIB_EFORMAT, "%s: a token store that is cut short, or not whole", path);
    AT_TRY(at_buffer_append(&bytes, map->bytes + place[0], place[1], err));
    AT_TRY(at_record_parse(path, &bytes, out, err));
    AT_TRY(at_record_text(path, &out->map, "format", &text, &n, err));
    AT_CHECK(n == strlen("attrib store") && memcmp(text, "attrib store", n) == 0,
             ATTRIB_EFORMAT, "%s: not a token store", path);
    AT_TRY(at_record_size(path, &out->map, "version", &version, err));
    AT_CHECK(version == AT_STORE_VERSION, ATTRIB_EVERSION,
             "%s: a token store of version %zu, expected %d: make it again", path,
             version, AT_STORE_VERSION);
done:
    at_buffer_free(&bytes);
    return status;
}

attrib_status at_token_store_read_record(const char *path,
                                         at_record *out,
                                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_map map = {0};
    AT_TRY(at_map_open(path, &map, err));
    AT_TRY(take_record(path, &map, out, err));
done:
    at_map_close(&map);
    return status;
}

/* A text of a map into an array of its own. */
static attrib_status copy_text(const at_record *record,
                               const msgpack_object *map,
                               const char *key,
                               char *out,
                               size_t size,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = "";
    size_t n = 0;
    AT_TRY(at_record_text(record->name, map, key, &text, &n, err));
    AT_CHECK(n < size, ATTRIB_EFORMAT, "%s: key \"%s\": %zu bytes, expected at most %zu",
             record->name, key, n, size - 1);
    memcpy(out, text, n);
    out[n] = '\0';
done:
    return status;
}

/* An array of the record; `n` SIZE_MAX: of any length. */
static attrib_status find_array(const at_record *record,
                                const char *key,
                                size_t n,
                                const msgpack_object_array **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *found = at_record_find(&record->map, key);
    AT_CHECK(found && found->type == MSGPACK_OBJECT_ARRAY &&
                 (n == SIZE_MAX || found->via.array.size == n),
             ATTRIB_EFORMAT, "%s: key \"%s\": expected an array", record->name, key);
    *out = &found->via.array;
done:
    return status;
}

static attrib_status take_counts(const at_record *record,
                                 attrib_corpus_summary *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object_array *counts = NULL;
    AT_TRY(find_array(record, "counts", at_token_store_n_counts, &counts, err));
    for (size_t i = 0; i < at_token_store_n_counts; i++) {
        const msgpack_object *one = &counts->ptr[i];
        AT_CHECK(one->type == MSGPACK_OBJECT_POSITIVE_INTEGER, ATTRIB_EFORMAT,
                 "%s: key \"counts\": expected numbers", record->name);
        size_t value = (size_t)one->via.u64;
        memcpy((char *)out + at_token_store_counts[i], &value, sizeof value);
    }
done:
    return status;
}

/* The fields that its rows were read by, for who reads them again. */
static attrib_status take_fields(const at_record *record,
                                 at_fields *out,
                                 attrib_error *err)
{
    static const char *const names[AT_N_FIELDS] = {
        [AT_FIELD_TEXT] = "text-field",
        [AT_FIELD_ID] = "id-field",
        [AT_FIELD_PROMPT] = "prompt-field",
        [AT_FIELD_COMPLETION] = "completion-field",
        [AT_FIELD_MESSAGES] = "messages-field",
        [AT_FIELD_TAGS] = "tag-fields"};
    attrib_status status = ATTRIB_OK;
    const msgpack_object *options = at_record_find(&record->map, "options");
    AT_CHECK(options && options->type == MSGPACK_OBJECT_MAP, ATTRIB_EFORMAT,
             "%s: key \"options\": expected a map", record->name);
    for (size_t i = 0; i < AT_N_FIELDS; i++) {
        size_t n = 0;
        const char *text = at_reading_find(options, names[i], &n);
        if (!text && i == AT_FIELD_ID) {
            text = "id";
            n = 2;
        }
        AT_TRY(text ? at_copy_text(text, n, &out->names[i], err) : ATTRIB_OK);
    }
done:
    return status;
}

attrib_status at_token_store_sources(const at_record *record,
                                     at_sources *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object_array *files = NULL;
    AT_TRY(find_array(record, "sources", SIZE_MAX, &files, err));
    for (size_t i = 0; i < files->size; i++) {
        const msgpack_object *one = &files->ptr[i];
        at_source_file file = {0};
        const char *text = "";
        size_t sizes[3] = {0};
        size_t n = 0;
        AT_TRY(at_record_text(record->name, one, "path", &text, &n, err));
        AT_TRY(at_record_size(record->name, one, "bytes", &sizes[0], err));
        AT_TRY(at_record_size(record->name, one, "seconds", &sizes[1], err));
        AT_TRY(at_record_size(record->name, one, "nanoseconds", &sizes[2], err));
        AT_TRY(copy_text(record, one, "hash", file.hash, sizeof file.hash, err));
        AT_TRY(at_grow(&out->files, &out->capacity, out->n + 1, sizeof *out->files, err));
        AT_TRY(at_copy_text(text, n, &file.path, err));
        file.size = sizes[0];
        file.seconds = sizes[1];
        file.nanoseconds = sizes[2];
        out->files[out->n++] = file;
    }
done:
    return status;
}

/* 2. Arrays */

/* Where an array is, and the bytes of its elements. */
typedef struct arrays {
    const char *name;
    const at_map *map;
    size_t offsets[AT_STORE_N_SPILLS], n_bytes[AT_STORE_N_SPILLS];
    char hashes[AT_STORE_N_SPILLS][AT_HASH_SIZE];
} arrays;

static attrib_status take_arrays(const at_record *record, arrays *out, attrib_error *err)
{
    static const size_t elements[AT_STORE_N_SPILLS] = {
        [AT_STORE_RECORDS] = sizeof(at_stored), [AT_STORE_SEQUENCES] = sizeof(uint64_t),
        [AT_STORE_TAGS] = 2 * sizeof(uint64_t), [AT_STORE_STRINGS] = 1,
        [AT_STORE_IDS] = sizeof(int32_t),       [AT_STORE_MASKS] = 1,
        [AT_STORE_LABELS] = sizeof(int32_t),    [AT_STORE_SKIPPED] = 1};
    attrib_status status = ATTRIB_OK;
    const msgpack_object_array *list = NULL;
    AT_TRY(find_array(record, "arrays", AT_STORE_N_SPILLS, &list, err));
    for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
        size_t end = 0;
        AT_TRY(
            at_record_size(record->name, &list->ptr[i], "offset", &out->offsets[i], err));
        AT_TRY(
            at_record_size(record->name, &list->ptr[i], "bytes", &out->n_bytes[i], err));
        AT_TRY(
            copy_text(record, &list->ptr[i], "hash", out->hashes[i], AT_HASH_SIZE, err));
        AT_TRY(at_add(out->offsets[i], out->n_bytes[i], &end, err));
        AT_CHECK(end <= out->map->n_bytes && out->offsets[i] % AT_STORE_PAGE == 0 &&
                     out->n_bytes[i] % elements[i] == 0,
                 ATTRIB_EFORMAT, "%s: array %zu is not in the file", record->name, i);
    }
done:
    return status;
}

/* Check an array's hash; texts are UTF-8, and the last of them ends. */
static attrib_status check_array(void *context,
                                 size_t i_worker,
                                 size_t i,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const arrays *of = context;
    const char *bytes = (const char *)of->map->bytes + of->offsets[i];
    size_t n = of->n_bytes[i];
    char hash[AT_HASH_SIZE];
    (void)i_worker;
    at_hash_bytes(bytes, n, hash);
    AT_CHECK(strcmp(hash, of->hashes[i]) == 0, ATTRIB_EFORMAT,
             "%s: changed since it was written, or damaged: make the store again",
             of->name);
    AT_CHECK(i != AT_STORE_STRINGS ||
                 (n > 0 && bytes[n - 1] == '\0' && at_utf8_is_valid(bytes, n, NULL)),
             ATTRIB_EFORMAT, "%s: texts that are not UTF-8, or do not end", of->name);
done:
    return status;
}

/* Tags point into the strings, wherever these are mapped: so they are laid anew. */
static attrib_status lay_tags(const arrays *of,
                              const char *scratch_folder,
                              attrib_corpus *corpus,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_spill *spill = &corpus->spills[AT_STORE_TAGS];
    const char *strings = corpus->spills[AT_STORE_STRINGS].mapping;
    const size_t n_strings = corpus->spills[AT_STORE_STRINGS].n_bytes;
    const unsigned char *from = of->map->bytes + of->offsets[AT_STORE_TAGS];
    corpus->n_tags = of->n_bytes[AT_STORE_TAGS] / (2 * sizeof(uint64_t));
    if (corpus->n_tags == 0) {
        *spill = (at_spill){.descriptor = -1};
        return ATTRIB_OK;
    }
    AT_TRY(at_spill_open(scratch_folder, spill, err));
    for (size_t i = 0; i < corpus->n_tags; i++) {
        uint64_t places[2];
        memcpy(places, from + i * sizeof places, sizeof places);
        AT_CHECK(places[0] - 1 < n_strings && places[1] - 1 < n_strings, ATTRIB_EFORMAT,
                 "%s: a tag outside the texts", of->name);
        const attrib_tag tag = {strings + (places[0] - 1), strings + (places[1] - 1)};
        AT_TRY(at_spill_append(spill, &tag, sizeof tag, err));
    }
    AT_TRY(at_spill_map(spill, err));
    AT_TRY(at_spill_protect(spill, err));
done:
    return status;
}

/* 3. Opening */

static attrib_status take_corpus(const at_record *record,
                                 attrib_corpus *corpus,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = "";
    size_t n = 0;
    AT_TRY(
        copy_text(record, &record->map, "corpus_hash", corpus->hash, AT_HASH_SIZE, err));
    AT_TRY(copy_text(record, &record->map, "corpus_date", corpus->date,
                     sizeof corpus->date, err));
    AT_TRY(
        at_record_text(record->name, &record->map, "corpus_selection", &text, &n, err));
    AT_TRY(at_copy_text(text, n, &corpus->selection, err));
    AT_TRY(at_record_size(record->name, &record->map, "context", &corpus->context, err));
    AT_CHECK(corpus->context >= 2 && corpus->context <= INT32_MAX, ATTRIB_EFORMAT,
             "%s: a context of %zu tokens", record->name, corpus->context);
    AT_TRY(take_counts(record, &corpus->counts, err));
    AT_TRY(take_fields(record, &corpus->fields, err));
done:
    return status;
}

attrib_status at_token_store_map(attrib_session *session,
                                 const char *path,
                                 size_t n_vocabulary,
                                 const char *scratch_folder,
                                 attrib_corpus **out,
                                 at_record *record,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_corpus *corpus = NULL;
    at_record taken = {0};
    arrays of = {.name = path};
    AT_TRY(at_array(1, sizeof *corpus, &corpus, err));
    AT_TRY(at_map_open(path, &corpus->file, err));
    of.map = &corpus->file;
    AT_TRY(take_record(path, of.map, &taken, err));
    AT_TRY(take_corpus(&taken, corpus, err));
    AT_TRY(take_arrays(&taken, &of, err));
    AT_TRY(at_parallel_for(session, AT_STORE_N_SPILLS, check_array, &of, err));
    for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
        if (i != AT_STORE_TAGS) {
            corpus->spills[i] =
                at_spill_lend(of.map->bytes + of.offsets[i], of.n_bytes[i]);
        }
    }
    AT_TRY(lay_tags(&of, scratch_folder, corpus, err));
    AT_TRY(at_token_store_check(corpus, path, n_vocabulary, err));
    *out = corpus;
    *record = taken;
    corpus = NULL;
    taken = (at_record){0};
done:
    at_record_free(&taken);
    attrib_corpus_close(corpus);
    return status;
}
