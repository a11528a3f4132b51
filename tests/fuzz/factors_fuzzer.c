/* SPDX-License-Identifier: MIT */
/* A folder of sound factors of a tiny model in which one file, chosen by the first byte,
 * is replaced. What is opened must be fit to precondition a gradient, and to be merged.
 * The last choices are what an unfinished fit says of itself, and sums that it kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curvature/inverse.h"
#include "curvature/store.h"
#include "format/record.h"
#include "scratch.h"
#include "support/tiny.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const files[] = {"lambda_matrix.safetensors",
                                    "activation_eigenvectors.safetensors",
                                    "gradient_eigenvalues.safetensors",
                                    "num_lambda_processed.safetensors",
                                    "factor_arguments.json",
                                    "manifest.msgpack",
                                    "manifest.msgpack",
                                    "activation_covariance.safetensors"};

#define N_FILES (sizeof files / sizeof *files)
/* These choices seal their bytes, so that they get past the hash. */
#define SEALED   6
#define PROGRESS N_FILES
#define SUMS     (N_FILES + 1)

static attrib_model *model;
static attrib_factors *shapes; /* maps without arrays, for the store */
static char folder[128];
static uint8_t *sound[N_FILES];
static size_t n_sound[N_FILES];

static void fill_factor(at_factor *factor)
{
    size_t i = factor->in_dim;
    size_t o = factor->out_dim;
    if (at_array(i * i, sizeof(double), &factor->covariance_a, NULL) != ATTRIB_OK ||
        at_array(o * o, sizeof(double), &factor->covariance_s, NULL) != ATTRIB_OK ||
        at_array(i * i, sizeof(float), &factor->basis_a.vectors, NULL) != ATTRIB_OK ||
        at_array(o * o, sizeof(float), &factor->basis_s.vectors, NULL) != ATTRIB_OK ||
        at_array(i, sizeof(double), &factor->values_a, NULL) != ATTRIB_OK ||
        at_array(o, sizeof(double), &factor->values_s, NULL) != ATTRIB_OK ||
        at_array(o * i, sizeof(double), &factor->lambda, NULL) != ATTRIB_OK) {
        abort();
    }
    for (size_t k = 0; k < i; k++) {
        factor->basis_a.vectors[k] = 1;
    }
    for (size_t k = 0; k < o; k++) {
        factor->basis_s.vectors[k] = 1;
    }
    for (size_t k = 0; k < o * i; k++) {
        factor->lambda[k] = 1;
    }
}

static void remember(size_t i_file)
{
    char path[256];
    at_buffer bytes = {0};
    snprintf(path, sizeof path, "%s/%s", folder, files[i_file]);
    if (at_read_file(path, 1 << 20, &bytes, NULL) != ATTRIB_OK) {
        abort();
    }
    sound[i_file] = (uint8_t *)bytes.bytes;
    n_sound[i_file] = bytes.n_bytes;
}

static void prepare(void)
{
    attrib_factors *factors = NULL;
    size_t *tracked = NULL;
    size_t n = 0;
    model = tiny_model();
    snprintf(folder, sizeof folder, "%s/factors", scratch_folder());
    if (attrib_model_select(model, "mlp", &tracked, &n, NULL) != ATTRIB_OK ||
        at_factors_new(model, tracked, n, "mlp", &factors, NULL) != ATTRIB_OK ||
        at_factors_new(model, tracked, n, "mlp", &shapes, NULL) != ATTRIB_OK ||
        at_factors_set_blocks(factors, 2, NULL) != ATTRIB_OK) {
        abort();
    }
    at_hash_bytes("", 0, shapes->identity);
    for (size_t m = 0; m < n; m++) {
        fill_factor(&factors->factors[m]);
    }
    factors->info.n_tokens = 3;
    factors->info.n_sequences = 2;
    memcpy(factors->model_hash, attrib_model_hash(model), AT_HASH_SIZE);
    at_hash_bytes("", 0, factors->corpus_hash);
    at_hash_bytes("", 0, factors->identity);
    at_origin origin = {"", 1, 3, 0, 1, 2, 2, 7};
    const at_origins one = {&origin, 1, 1};
    memcpy(origin.corpus_hash, factors->corpus_hash, AT_HASH_SIZE);
    if (at_origins_add(&factors->of_covariances, &one, "", NULL) != ATTRIB_OK ||
        at_origins_add(&factors->of_lambda, &one, "", NULL) != ATTRIB_OK) {
        abort();
    }
    if (attrib_factors_write(factors, folder, NULL, NULL) != ATTRIB_OK) {
        abort();
    }
    for (size_t i = 0; i < N_FILES; i++) {
        remember(i);
    }
    attrib_factors_close(factors);
    free(tracked);
}

static void use(const attrib_factors *factors)
{
    for (size_t m = 0; m < factors->info.n_modules; m++) {
        at_factor loaded = {0};
        const at_factor *factor = &loaded;
        const at_damping how = {factors->info.strategy, 0.1, false};
        float a[6] = {1, 2, 3, 4, 5, 6};
        float ds[6] = {1, -1, 2, -2, 3, -3};
        float scratch[64];
        float out[36];
        double damping = 0;
        if (at_factor_load(factors, m, at_strategy_pieces(how.strategy), &loaded, NULL) !=
            ATTRIB_OK) {
            abort(); /* all was found to be sound when they were opened */
        }
        if (at_damping_of(factors, factor, &how, "map", &damping, NULL) == ATTRIB_OK) {
            const at_inverse inverse = {factors, factor, how.strategy, damping};
            if (at_is_rotated(how.strategy)) {
                at_form_rotated_gradient(factor, ds, a, 1, scratch, out);
            } else {
                at_form_gradient(NULL, ds, a, 1, factor->out_dim, factor->in_dim, out);
            }
            at_divide(&inverse, out, factor->out_dim * factor->in_dim, out);
            at_gradient_from_basis(factor, how.strategy, scratch, out);
        }
        at_factor_unload(factors, &loaded);
    }
}

static void seal(const char *path, const uint8_t *data, size_t size)
{
    msgpack_sbuffer bytes;
    msgpack_sbuffer_init(&bytes);
    msgpack_sbuffer_write(&bytes, (const char *)data, size);
    if (at_record_write(path, &bytes, NULL) != ATTRIB_OK) {
        abort();
    }
    msgpack_sbuffer_destroy(&bytes);
}

/* What merging reads of a folder. */
static void read_as_part(void)
{
    attrib_error err = {0};
    attrib_factors *opened = NULL;
    char hash[AT_HASH_SIZE];
    double sums[64];
    if (at_factors_open(folder, NULL, ~0U, &opened, &err) != ATTRIB_OK) {
        if (!err.message[0] || opened) {
            abort();
        }
        return;
    }
    for (size_t i = 0; i < opened->info.n_modules; i++) {
        const at_factor *factor = &opened->factors[i];
        if (factor->in_dim > 6 || factor->out_dim > 6) {
            continue; /* no room for it here */
        }
        memset(sums, 0, sizeof sums);
        (void)!at_files_add_covariance(opened->files, factor, AT_SIDE_A, sums, NULL);
        (void)!at_files_add_covariance(opened->files, factor, AT_SIDE_S, sums, NULL);
        (void)!at_files_add_lambda(opened->files, factor, sums, NULL);
    }
    (void)!at_files_hash_basis(opened->files, opened, hash, NULL);
    attrib_factors_close(opened);
}

/* Sums of 3 and 2 numbers, of 9 blocks at most, as another run may have kept them. */
static void read_sums(const uint8_t *data, size_t size)
{
    static at_store *store; /* of a fit that is never finished */
    char path[256];
    attrib_error err = {0};
    double total[3] = {0};
    double part[3] = {0};
    double other[2] = {0};
    const at_running sums[2] = {{total, part, 3}, {other, NULL, 2}};
    at_sums_place place = {AT_FIT_LAMBDA, 1, 0, 9};
    snprintf(path, sizeof path, "%s/sums", scratch_folder());
    if (!store &&
        at_store_open(shapes, path, AT_PIECES_LAMBDA, NULL, &store, NULL) != ATTRIB_OK) {
        abort();
    }
    snprintf(path, sizeof path, "%s/sums.partial/sums", scratch_folder());
    if (at_make_folder(path, NULL) != ATTRIB_OK) {
        abort();
    }
    scratch_write("sums.partial/sums/lambda-1.safetensors", data, size);
    attrib_status status = at_store_get_sums(store, &place, sums, &err);
    if (status == ATTRIB_OK ? place.n_done > 9 : !err.message[0]) {
        abort();
    }
}

/* What another run left: it may be gone on with, or is refused. */
static void open_unfinished(const uint8_t *data, size_t size)
{
    char target[160];
    char path[256];
    attrib_error err = {0};
    at_store *store = NULL;
    snprintf(target, sizeof target, "%s/made", scratch_folder());
    snprintf(path, sizeof path, "%s.partial", target);
    if (at_make_folder(path, NULL) != ATTRIB_OK) {
        abort();
    }
    snprintf(path, sizeof path, "%s.partial/progress.msgpack", target);
    seal(path, data, size);
    shapes->info.n_tokens = 0;
    if (at_store_open(shapes, target, AT_PIECES_LAMBDA, NULL, &store, &err) !=
            ATTRIB_OK &&
        !err.message[0]) {
        abort();
    }
    at_store_close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[160];
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    if (!model) {
        prepare();
    }
    if (size < 2) {
        return 0;
    }
    size_t choice = data[0] % (N_FILES + 2);
    if (choice == PROGRESS || choice == SUMS) {
        (choice == SUMS ? read_sums : open_unfinished)(data + 1, size - 1);
        return 0;
    }
    snprintf(name, sizeof name, "factors/%s", files[choice]);
    if (choice == SEALED) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", folder, files[choice]);
        seal(path, data + 1, size - 1);
    } else {
        scratch_write(name, data + 1, size - 1);
    }
    if (attrib_factors_open(folder, model, &factors, &err) == ATTRIB_OK) {
        use(factors);
        attrib_factors_close(factors);
    } else if (!err.message[0] || factors) {
        abort();
    }
    read_as_part();
    scratch_write(name, sound[choice], n_sound[choice]);
    return 0;
}
