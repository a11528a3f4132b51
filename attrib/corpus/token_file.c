/* SPDX-License-Identifier: MIT */
/* The layouts of files of token ids.
 *
 * Sources: Megatron-LM, megatron/core/datasets/indexed_dataset.py (index version 1);
 * llm.c, dev/data/data_common.py (its two headers); nanoGPT, data/openwebtext/prepare.py
 * and OLMo, which write the ids alone by numpy.memmap, whatever the file is called.
 *
 * 1. Rules   2. Layouts   3. Opening */
#include "corpus/token_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "format/npy.h"

#define LLMC_GPT2    20240520u /* ids of 16 bits */
#define LLMC_LLAMA3  20240801u /* ids of 32 bits */
#define LLMC_START   1024      /* 256 words of 32 bits */
#define INDEX_MAGIC  "MMIDIDX\0\0"
#define INDEX_START  34 /* magic 9, version 8, type 1, two counts 8 each */
#define LEGACY_MAGIC "TNTIDX\0\0"

/* 1. Rules */

attrib_status at_token_rules_of(const attrib_corpus_options *options,
                                const attrib_tokenizer *tokenizer,
                                size_t n_row,
                                at_token_rules *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *end = options->document_end;
    *out = (at_token_rules){
        .dtype = options->token_dtype,
        .end = tokenizer ? attrib_tokenizer_eos(tokenizer) : -1,
        .is_end_given = end != NULL,
        .n_vocabulary = options->n_vocabulary,
        .n_row = n_row,
        .n_usual_row = options->context,
    };
    if (end) {
        char *rest = NULL;
        errno = 0;
        long id = strtol(end, &rest, 10);
        bool is_none = strcmp(end, "none") == 0;
        AT_CHECK(is_none || (*end >= '0' && *end <= '9' && *rest == '\0' && errno == 0 &&
                             id <= INT32_MAX),
                 ATTRIB_EINVAL, "document end: \"%s\", expected a token id or none", end);
        AT_CHECK(is_none || !out->n_vocabulary || (size_t)id < out->n_vocabulary,
                 ATTRIB_EINVAL, "document end: id %ld, the model's vocabulary has %zu",
                 id, out->n_vocabulary);
        out->end = is_none ? -1 : (int32_t)id;
    }
done:
    return status;
}

/* 2. Layouts */

static uint64_t read_word(const unsigned char *bytes, size_t n_bytes)
{
    uint64_t word = 0;
    for (size_t i = n_bytes; i > 0; i--) {
        word = word << 8 | bytes[i - 1];
    }
    return word;
}

static bool begins(const at_map *map, const char *magic, size_t n)
{
    return map->n_bytes >= n && memcmp(map->bytes, magic, n) == 0;
}

static bool is_index(const at_map *map)
{
    return begins(map, INDEX_MAGIC, sizeof INDEX_MAGIC - 1) ||
           begins(map, LEGACY_MAGIC, sizeof LEGACY_MAGIC - 1);
}

/* The width of ids that the magic of an llm.c header stands for, or 0. */
static size_t llmc_width(const at_map *map)
{
    uint64_t magic = map->n_bytes >= LLMC_START ? read_word(map->bytes, 4) : 0;
    return magic == LLMC_GPT2 ? 2 : magic == LLMC_LLAMA3 ? 4 : 0;
}

static attrib_status read_llmc(at_token_file *file, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const unsigned char *bytes = file->data.bytes;
    uint64_t version = read_word(bytes + 4, 4);
    uint64_t want = llmc_width(&file->data) == 2 ? 1 : 7;
    file->layout = AT_TOKENS_LLMC;
    file->width = llmc_width(&file->data);
    file->start = LLMC_START;
    file->n_ids = read_word(bytes + 8, 4);
    AT_CHECK(version == want, ATTRIB_EVERSION,
             "%s: tokens of llm.c in version %llu, expected %llu", file->name,
             (unsigned long long)version, (unsigned long long)want);
    AT_CHECK(file->data.n_bytes - LLMC_START == file->n_ids * file->width, ATTRIB_EFORMAT,
             "%s: %zu bytes of tokens in the file, its header says %zu tokens of %zu",
             file->name, file->data.n_bytes - LLMC_START, file->n_ids, file->width);
done:
    return status;
}

static attrib_status read_npy(at_token_file *file, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_npy array = {0};
    AT_TRY(at_npy_read(file->name, file->data.bytes, file->data.n_bytes, AT_NPY_INTEGERS,
                       &array, err));
    file->layout = AT_TOKENS_NPY;
    file->width = array.n_bytes;
    file->is_signed = array.is_signed;
    file->start = array.start;
    file->n_ids = (file->data.n_bytes - array.start) / array.n_bytes;
    file->has_rows = array.n_dims == 2;
    file->n_row = array.n_dims == 2 ? array.shape[1] : 0;
done:
    return status;
}

/* Megatron's codes of types; 6 and 7 are floating point. */
static attrib_status read_code(at_token_file *file, unsigned code, attrib_error *err)
{
    static const struct {
        size_t width;
        bool is_signed;
    } types[] = {{0, false}, {1, false}, {1, true},  {2, true}, {4, true},
                 {8, true},  {0, false}, {0, false}, {2, false}};

    if (code >= sizeof types / sizeof *types || types[code].width == 0) {
        return at_fail(
            err, ATTRIB_ENOTSUP,
            "%s: its .idx gives tokens the type %u, which is no type of integers",
            file->name, code);
    }
    file->width = types[code].width;
    file->is_signed = types[code].is_signed;
    return ATTRIB_OK;
}

/* Bytes of an index: lengths of 4 bytes and places of 8 a sequence, 8 a document. */
static attrib_status check_index_size(const at_token_file *file, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_sequences = 0;
    size_t want = 0;
    AT_TRY(at_mul(file->n_sequences, 12, &n_sequences, err));
    AT_TRY(at_mul(file->n_borders, 8, &want, err));
    AT_TRY(at_add(want, n_sequences, &want, err));
    AT_TRY(at_add(want, INDEX_START, &want, err));
    AT_CHECK(file->n_sequences == 0 || file->index.n_bytes != want + file->n_sequences,
             ATTRIB_ENOTSUP, "%s: its .idx is that of data which are more than text",
             file->name);
    AT_CHECK(file->index.n_bytes == want, ATTRIB_EFORMAT,
             "%s: its .idx has %zu bytes, and should have %zu for %zu sequences",
             file->name, file->index.n_bytes, want, file->n_sequences);
done:
    return status == ATTRIB_ERANGE ? at_context(err, status, "%s", file->name) : status;
}

static attrib_status read_megatron(at_token_file *file, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const unsigned char *bytes = file->index.bytes;
    AT_CHECK(!begins(&file->index, LEGACY_MAGIC, sizeof LEGACY_MAGIC - 1), ATTRIB_ENOTSUP,
             "%s: its .idx is of fairseq's kind (TNTIDX): write it anew with Megatron's "
             "preprocess_data.py",
             file->name);
    AT_CHECK(file->index.n_bytes >= INDEX_START, ATTRIB_EFORMAT,
             "%s: its .idx is truncated", file->name);
    AT_CHECK(read_word(bytes + 9, 8) == 1, ATTRIB_EVERSION,
             "%s: its .idx is of version %llu, expected 1", file->name,
             (unsigned long long)read_word(bytes + 9, 8));
    file->layout = AT_TOKENS_MEGATRON;
    AT_TRY(read_code(file, bytes[17], err));
    file->n_sequences = read_word(bytes + 18, 8);
    file->n_borders = read_word(bytes + 26, 8);
    AT_TRY(check_index_size(file, err));
    file->lengths = INDEX_START;
    file->places = file->lengths + 4 * file->n_sequences;
    file->borders = file->places + 8 * file->n_sequences;
    file->n_ids = file->data.n_bytes / file->width;
    AT_CHECK(file->data.n_bytes % file->width == 0, ATTRIB_EFORMAT,
             "%s: %zu bytes are no whole number of tokens of %zu bytes", file->name,
             file->data.n_bytes, file->width);
done:
    return status;
}

static attrib_status read_plain(at_token_file *file,
                                attrib_token_dtype dtype,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(dtype != ATTRIB_TOKENS_FROM_FILE, ATTRIB_ENOTSUP,
             "%s: a file that does not say what it holds: where these are token ids, "
             "--token-dtype gives their type",
             file->name);
    file->layout = AT_TOKENS_PLAIN;
    file->width = dtype == ATTRIB_TOKENS_UINT16 ? 2 : 4;
    file->is_signed = dtype == ATTRIB_TOKENS_INT32;
    file->n_ids = file->data.n_bytes / file->width;
    AT_CHECK(file->data.n_bytes % file->width == 0, ATTRIB_EFORMAT,
             "%s: %zu bytes are no whole number of tokens of %zu bytes", file->name,
             file->data.n_bytes, file->width);
done:
    return status;
}

/* Whether a type that was asked for is what the file says of itself. */
static attrib_status check_dtype(const at_token_file *file,
                                 attrib_token_dtype dtype,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_signed = dtype == ATTRIB_TOKENS_INT32;
    size_t width = dtype == ATTRIB_TOKENS_UINT16 ? 2 : 4;
    AT_CHECK(dtype == ATTRIB_TOKENS_FROM_FILE ||
                 (file->width == width && file->is_signed == is_signed),
             ATTRIB_EINVAL, "%s: --token-dtype %sint%zu, the file has %sint%zu",
             file->name, is_signed ? "" : "u", 8 * width, file->is_signed ? "" : "u",
             8 * file->width);
done:
    return status;
}

attrib_status at_token_file_read(at_token_file *file,
                                 const at_token_rules *rules,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (file->index.n_bytes) {
        AT_TRY(read_megatron(file, err));
    } else if (at_npy_is(file->data.bytes, file->data.n_bytes)) {
        AT_TRY(read_npy(file, err));
    } else if (llmc_width(&file->data)) {
        AT_TRY(read_llmc(file, err));
    } else {
        AT_TRY(read_plain(file, rules->dtype, err));
    }
    AT_TRY(check_dtype(file, rules->dtype, err));
done:
    return status;
}

/* 3. Opening */

static bool has_ending(const char *path, const char *ending)
{
    size_t n = strlen(path);
    return n >= strlen(ending) && strcasecmp(path + n - strlen(ending), ending) == 0;
}

/* A path with another ending of four bytes. */
static attrib_status replace_ending(const char *path,
                                    const char *ending,
                                    char **out,
                                    attrib_error *err)
{
    attrib_status status = at_copy_text(path, strlen(path), out, err);
    if (status == ATTRIB_OK) {
        memcpy(*out + strlen(*out) - strlen(ending), ending, strlen(ending));
    }
    return status;
}

attrib_status at_token_file_path(const char *path, char **out, attrib_error *err)
{
    return has_ending(path, ".idx") ? replace_ending(path, ".bin", out, err)
                                    : at_copy_text(path, strlen(path), out, err);
}

attrib_status at_token_file_index(const char *path, char **out, attrib_error *err)
{
    *out = NULL;
    return has_ending(path, ".bin") ? replace_ending(path, ".idx", out, err) : ATTRIB_OK;
}

/* The index in the folder of a .bin, where there is one of Megatron's. */
static attrib_status open_index(const char *path, at_map *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *index = NULL;
    AT_TRY(at_token_file_index(path, &index, err));
    if (index && at_is_file(index)) {
        AT_TRY(at_map_open(index, out, err));
    }
    if (!is_index(out)) {
        at_map_close(out);
    }
done:
    free(index);
    return status;
}

bool at_token_file_is(const char *path, const at_token_rules *rules)
{
    unsigned char first[LLMC_START];
    at_map index = {0};
    attrib_error ignored = {0};
    if (has_ending(path, ".idx")) {
        return false; /* it is read with its .bin */
    }
    const at_map data = {.bytes = first,
                         .n_bytes = at_peek_file(path, first, sizeof first)};
    if (rules->dtype != ATTRIB_TOKENS_FROM_FILE || llmc_width(&data) ||
        at_npy_is(data.bytes, data.n_bytes)) {
        return true;
    }
    bool has_index = open_index(path, &index, &ignored) == ATTRIB_OK && index.n_bytes > 0;
    at_map_close(&index);
    return has_index;
}

attrib_status at_token_file_open(const char *path,
                                 const char *name,
                                 const at_token_rules *rules,
                                 at_token_file *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_token_file file = {.name = name};
    AT_TRY(at_map_open(path, &file.data, err));
    AT_TRY(open_index(path, &file.index, err));
    AT_TRY(at_token_file_read(&file, rules, err));
    *out = file;
    file = (at_token_file){0};
done:
    at_token_file_close(&file);
    return status;
}

void at_token_file_close(at_token_file *file)
{
    at_map_close(&file->data);
    at_map_close(&file->index);
}
