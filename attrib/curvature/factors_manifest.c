/* SPDX-License-Identifier: MIT */
/* The manifest of a folder of factors: what they are, and what they come from. A sealed
 * record (format/record.h) of one msgpack map.
 *
 * 1. Writing.   2. Reading. */
#include <stdlib.h>
#include <string.h>

#include "attrib/linalg.h"
#include "curvature/factor_files.h"
#include "curvature/store_files.h"
#include "format/pack.h"

#define FORMAT      "attrib factors"
#define MAX_ORIGINS 16384 /* each is compared with each before it: 2^27 comparisons */

/* 1. Writing */

/* A list with a map for each origin. */
static attrib_status pack_origins(msgpack_packer *packer,
                                  const char *key,
                                  const at_origins *origins,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array_member(packer, key, origins->n, err));
    for (size_t i = 0; i < origins->n; i++) {
        const at_origin *origin = &origins->list[i];
        AT_TRY(at_pack_map(packer, 8, err));
        AT_TRY(at_pack_text_member(packer, "corpus_hash", origin->corpus_hash, err));
        AT_TRY(at_pack_size_member(packer, "first", origin->first, err));
        AT_TRY(at_pack_size_member(packer, "end", origin->end, err));
        AT_TRY(at_pack_size_member(packer, "first_part", origin->first_part, err));
        AT_TRY(at_pack_size_member(packer, "end_part", origin->end_part, err));
        AT_TRY(at_pack_size_member(packer, "parts", origin->n_parts, err));
        AT_TRY(at_pack_size_member(packer, "count", origin->count, err));
        AT_TRY(at_pack_size_member(packer, "seed", (size_t)origin->seed, err));
    }
done:
    return status;
}

/* The hash of each file. */
static attrib_status pack_seals(msgpack_packer *packer,
                                const attrib_factors *factors,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_map_member(packer, "files", AT_N_PIECES, err));
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        AT_TRY(at_pack_text_member(packer, at_factor_files[piece].name,
                                   factors->seals[piece], err));
    }
done:
    return status;
}

/* What the factors come from. */
static attrib_status pack_sources(msgpack_packer *packer,
                                  const attrib_factors *factors,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_text_member(packer, "model_hash", factors->info.model_hash, err));
    AT_TRY(at_pack_text_member(packer, "corpus_hash", factors->info.corpus_hash, err));
    AT_TRY(at_pack_text_member(packer, "corpus_date", factors->corpus_date, err));
    AT_TRY(at_pack_text_member(packer, "corpus_selection",
                               factors->corpus_selection ? factors->corpus_selection : "",
                               err));
    AT_TRY(pack_origins(packer, "covariance_documents", &factors->of_covariances, err));
    AT_TRY(pack_origins(packer, "lambda_documents", &factors->of_lambda, err));
done:
    return status;
}

/* How they are fitted: 4 members. */
static attrib_status pack_method(msgpack_packer *packer,
                                 const attrib_factors_info *info,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *fisher = info->fisher == ATTRIB_FISHER_SAMPLED ? "sampled" : "empirical";
    AT_TRY(at_pack_text_member(packer, "strategy", attrib_strategy_name(info->strategy),
                               err));
    AT_TRY(at_pack_text_member(packer, "fisher", fisher, err));
    AT_TRY(at_pack_text_member(packer, "precision",
                               attrib_precision_name(info->precision), err));
    AT_TRY(at_pack_text_member(packer, "eigen_precision",
                               attrib_eigen_precision_name(info->eigen_precision), err));
done:
    return status;
}

static attrib_status pack_manifest(msgpack_packer *packer,
                                   const attrib_factors *factors,
                                   const char *command,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors_info *info = &factors->info;
    AT_TRY(at_pack_map(packer, 25, err));
    AT_TRY(at_pack_text_member(packer, "format", FORMAT, err));
    AT_TRY(at_pack_size_member(packer, "version", AT_FACTORS_VERSION, err));
    AT_TRY(at_pack_text_member(packer, "attrib", attrib_version(), err));
    AT_TRY(at_pack_text_member(packer, "fit", factors->identity, err));
    AT_TRY(pack_method(packer, info, err));
    AT_TRY(at_pack_text_member(packer, "modules", info->modules, err));
    AT_TRY(at_pack_size_member(packer, "run_of_maps", factors->i_run, err));
    AT_TRY(at_pack_size_member(packer, "runs_of_maps", factors->n_runs, err));
    AT_TRY(at_pack_size_member(packer, "blocks", info->n_blocks, err));
    AT_TRY(at_pack_size_member(packer, "tokens", info->n_tokens, err));
    AT_TRY(at_pack_size_member(packer, "sequences", info->n_sequences, err));
    AT_TRY(at_pack_size_member(packer, "seed", (size_t)info->seed, err));
    AT_TRY(pack_sources(packer, factors, err));
    AT_TRY(at_pack_text_member(packer, "basis_hash", factors->basis_hash, err));
    AT_TRY(pack_seals(packer, factors, err));
    AT_TRY(at_pack_text_member(packer, "command", command ? command : "", err));
    AT_TRY(at_pack_text_member(packer, "kernels", attrib_kernels_describe(), err));
done:
    return status;
}

attrib_status at_factors_write_manifest(const attrib_factors *factors,
                                        const char *folder,
                                        const char *command,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    char *path = NULL;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(pack_manifest(&packer, factors, command, err));
    AT_TRY(at_join_path(folder, AT_FACTORS_MANIFEST, &path, err));
    AT_TRY(at_record_write(path, &bytes, err));
done:
    free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

/* 2. Reading */

/* Copy a text of n_expected characters, or an empty one. */
static attrib_status take_text(const char *name,
                               const msgpack_object *map,
                               const char *key,
                               size_t n_expected,
                               char *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = "";
    size_t n = 0;
    AT_TRY(at_record_text(name, map, key, &text, &n, err));
    AT_CHECK(n == n_expected || n == 0, ATTRIB_EFORMAT,
             "%s: key \"%s\" has %zu characters, expected %zu", name, key, n, n_expected);
    memcpy(out, text, n);
    out[n] = '\0';
done:
    return status;
}

static attrib_status take_hash(const char *name,
                               const msgpack_object *map,
                               const char *key,
                               char out[AT_HASH_SIZE],
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(take_text(name, map, key, AT_HASH_SIZE - 1, out, err));
    AT_CHECK(out[0], ATTRIB_EFORMAT, "%s: key \"%s\" is empty, expected a hash", name,
             key);
done:
    return status;
}

static attrib_status take_origin(const char *name,
                                 const msgpack_object *map,
                                 at_origin *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t seed = 0;
    AT_CHECK(map->type == MSGPACK_OBJECT_MAP, ATTRIB_EFORMAT,
             "%s: documents of the sums are no map", name);
    AT_TRY(take_hash(name, map, "corpus_hash", out->corpus_hash, err));
    AT_TRY(at_record_size(name, map, "first", &out->first, err));
    AT_TRY(at_record_size(name, map, "end", &out->end, err));
    AT_TRY(at_record_size(name, map, "first_part", &out->first_part, err));
    AT_TRY(at_record_size(name, map, "end_part", &out->end_part, err));
    AT_TRY(at_record_size(name, map, "parts", &out->n_parts, err));
    AT_TRY(at_record_size(name, map, "count", &out->count, err));
    AT_TRY(at_record_size(name, map, "seed", &seed, err));
    AT_CHECK(out->first < out->end, ATTRIB_EFORMAT,
             "%s: documents of the sums are sequences %zu to %zu", name, out->first,
             out->end);
    AT_CHECK(out->first_part < out->end_part && out->end_part <= out->n_parts &&
                 out->n_parts <= AT_MAX_PARTS,
             ATTRIB_EFORMAT, "%s: documents of the sums are parts %zu to %zu of %zu",
             name, out->first_part, out->end_part, out->n_parts);
    out->seed = seed;
done:
    return status;
}

static attrib_status take_origins(const char *name,
                                  const msgpack_object *map,
                                  const char *key,
                                  at_origins *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = at_record_find(map, key);
    AT_CHECK(list && list->type == MSGPACK_OBJECT_ARRAY, ATTRIB_EFORMAT,
             "%s: key \"%s\" is no list", name, key);
    AT_CHECK(list->via.array.size <= MAX_ORIGINS, ATTRIB_ERANGE,
             "%s: key \"%s\" has %u entries, at most %d are read", name, key,
             (unsigned)list->via.array.size, MAX_ORIGINS);
    for (uint32_t i = 0; i < list->via.array.size; i++) {
        at_origin origin = {0};
        at_origins one = {&origin, 1, 1};
        AT_TRY(take_origin(name, &list->via.array.ptr[i], &origin, err));
        AT_TRY(at_origins_add(out, &one, name, err));
    }
done:
    return status;
}

static attrib_status take_selection(const char *name,
                                    const msgpack_object *map,
                                    attrib_factors *factors,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = "";
    size_t n = 0;
    AT_TRY(at_record_text(name, map, "modules", &text, &n, err));
    free(factors->modules);
    factors->modules = NULL;
    factors->info.modules = "";
    AT_TRY(at_copy_text(text, n, &factors->modules, err));
    factors->info.modules = factors->modules;
done:
    return status;
}

/* The day of the corpus; older manifests have none. */
static attrib_status take_date(const char *name,
                               const msgpack_object *map,
                               char out[ATTRIB_DATE_SIZE],
                               attrib_error *err)
{
    out[0] = '\0';
    return at_record_find(map, "corpus_date")
               ? take_text(name, map, "corpus_date", ATTRIB_DATE_SIZE - 1, out, err)
               : ATTRIB_OK;
}

/* A text that older manifests have not, "" then, in place of the one before. */
static attrib_status take_copy(const char *name,
                               const msgpack_object *map,
                               const char *key,
                               char **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = "";
    size_t n = 0;
    if (at_record_find(map, key)) {
        AT_TRY(at_record_text(name, map, key, &text, &n, err));
    }
    free(*out);
    *out = NULL;
    AT_TRY(at_copy_text(text, n, out, err));
done:
    return status;
}

/* Which run of the maps it has; older manifests have all. */
static attrib_status take_run(const char *name,
                              const msgpack_object *map,
                              attrib_factors *factors,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!at_record_find(map, "runs_of_maps")) {
        return ATTRIB_OK;
    }
    AT_TRY(at_record_size(name, map, "run_of_maps", &factors->i_run, err));
    AT_TRY(at_record_size(name, map, "runs_of_maps", &factors->n_runs, err));
    AT_CHECK(factors->n_runs <= AT_MAX_PARTS && (factors->i_run < factors->n_runs ||
                                                 (!factors->i_run && !factors->n_runs)),
             ATTRIB_EFORMAT, "%s: run %zu of %zu runs of maps", name, factors->i_run,
             factors->n_runs);
done:
    return status;
}

/* Which of two words a key says: the first, also where older manifests do not have it,
 * or the second, which sets *is_second. */
static attrib_status take_word(const char *name,
                               const msgpack_object *map,
                               const char *key,
                               const char *const words[2],
                               bool *is_second,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = words[0];
    size_t n = strlen(text);
    if (at_record_find(map, key)) {
        AT_TRY(at_record_text(name, map, key, &text, &n, err));
    }
    *is_second = n == strlen(words[1]) && memcmp(text, words[1], n) == 0;
    AT_CHECK(*is_second || (n == strlen(words[0]) && memcmp(text, words[0], n) == 0),
             ATTRIB_EFORMAT, "%s: key \"%s\" is neither %s nor %s", name, key, words[0],
             words[1]);
done:
    return status;
}

static attrib_status take_precisions(const char *name,
                                     const msgpack_object *map,
                                     attrib_factors_info *out,
                                     attrib_error *err)
{
    const char *products[] = {attrib_precision_name(ATTRIB_F32_PRODUCTS),
                              attrib_precision_name(ATTRIB_BF16_PRODUCTS)};
    const char *eigen[] = {attrib_eigen_precision_name(ATTRIB_EIGEN_F64),
                           attrib_eigen_precision_name(ATTRIB_EIGEN_F32)};
    attrib_status status = ATTRIB_OK;
    bool is_bf16 = false;
    bool is_f32 = false;
    AT_TRY(take_word(name, map, "precision", products, &is_bf16, err));
    AT_TRY(take_word(name, map, "eigen_precision", eigen, &is_f32, err));
    out->precision = is_bf16 ? ATTRIB_BF16_PRODUCTS : ATTRIB_F32_PRODUCTS;
    out->eigen_precision = is_f32 ? ATTRIB_EIGEN_F32 : ATTRIB_EIGEN_F64;
done:
    return status;
}

static attrib_status take_seals(const char *name,
                                const msgpack_object *map,
                                attrib_factors *factors,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *files = at_record_find(map, "files");
    AT_CHECK(files && files->type == MSGPACK_OBJECT_MAP, ATTRIB_EFORMAT,
             "%s: key \"files\" is no map", name);
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        AT_TRY(take_text(name, files, at_factor_files[piece].name, AT_HASH_SIZE - 1,
                         factors->seals[piece], err));
    }
done:
    return status;
}

/* What they were fitted on, and by which kernels. */
static attrib_status take_sources(const char *name,
                                  const msgpack_object *map,
                                  attrib_factors *factors,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(take_hash(name, map, "model_hash", factors->model_hash, err));
    AT_TRY(take_hash(name, map, "corpus_hash", factors->corpus_hash, err));
    AT_TRY(take_date(name, map, factors->corpus_date, err));
    AT_TRY(take_copy(name, map, "corpus_selection", &factors->corpus_selection, err));
    AT_TRY(take_copy(name, map, "kernels", &factors->kernels, err));
done:
    return status;
}

static attrib_status take_manifest(const char *name,
                                   const msgpack_object *map,
                                   attrib_factors *factors,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *format = "";
    size_t n = 0;
    size_t version = 0;
    size_t seed = 0;
    AT_TRY(at_record_text(name, map, "format", &format, &n, err));
    AT_CHECK(n == strlen(FORMAT) && memcmp(format, FORMAT, n) == 0, ATTRIB_EFORMAT,
             "%s: not a manifest of factors", name);
    AT_TRY(at_record_size(name, map, "version", &version, err));
    AT_CHECK(version == AT_FACTORS_VERSION, ATTRIB_EVERSION,
             "%s: version %zu, expected %d", name, version, AT_FACTORS_VERSION);
    AT_TRY(take_hash(name, map, "fit", factors->identity, err));
    AT_TRY(take_sources(name, map, factors, err));
    AT_TRY(
        take_text(name, map, "basis_hash", AT_HASH_SIZE - 1, factors->basis_hash, err));
    AT_TRY(at_record_size(name, map, "seed", &seed, err));
    AT_TRY(at_record_size(name, map, "blocks", &factors->info.n_blocks, err));
    AT_TRY(at_record_size(name, map, "tokens", &factors->info.n_tokens, err));
    AT_TRY(at_record_size(name, map, "sequences", &factors->info.n_sequences, err));
    AT_TRY(take_selection(name, map, factors, err));
    AT_TRY(take_run(name, map, factors, err));
    AT_TRY(take_precisions(name, map, &factors->info, err));
    AT_TRY(take_seals(name, map, factors, err));
    AT_TRY(
        take_origins(name, map, "covariance_documents", &factors->of_covariances, err));
    AT_TRY(take_origins(name, map, "lambda_documents", &factors->of_lambda, err));
    factors->info.seed = seed;
done:
    return status;
}

attrib_status at_factors_read_manifest(const char *folder,
                                       const char *model_hash,
                                       attrib_factors *factors,
                                       bool *is_there,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *path = NULL;
    AT_TRY(at_join_path(folder, AT_FACTORS_MANIFEST, &path, err));
    *is_there = at_is_file(path);
    if (!*is_there) {
        goto done;
    }
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(take_manifest(record.name, &record.map, factors, err));
    AT_CHECK(!model_hash || strcmp(factors->model_hash, model_hash) == 0, ATTRIB_ESHAPE,
             "%s: factors of another model (%.8s..., this one is %.8s...)", folder,
             factors->model_hash, model_hash);
done:
    at_record_free(&record);
    free(path);
    return status;
}

attrib_status attrib_factors_date(const char *folder,
                                  char out[ATTRIB_DATE_SIZE],
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    at_buffer path = {0};
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    out[0] = '\0';
    AT_TRY(at_buffer_print(&path, err, "%s/" AT_FACTORS_MANIFEST, folder));
    if (!at_is_file(path.bytes)) { /* it may be unfinished */
        at_buffer_clear(&path);
        AT_TRY(at_buffer_append(&path, folder, n, err));
        AT_TRY(at_buffer_print(&path, err, ".partial/" AT_STORE_PROGRESS));
    }
    if (at_is_file(path.bytes)) {
        AT_TRY(at_record_read(path.bytes, &record, err));
        AT_TRY(take_date(record.name, &record.map, out, err));
    }
done:
    at_record_free(&record);
    at_buffer_free(&path);
    return status;
}
