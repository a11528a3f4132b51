/* SPDX-License-Identifier: MIT */
/* Factor folders: written and opened again, and refused by name when they do not fit. */
#include "support/check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "curvature/factor_read.h"
#include "curvature/inverse.h"
#include "format/safetensors.h"
#include "support/tiny.h"

typedef struct fixture {
    char scratch[200], folder[260];
    attrib_model *model;
    attrib_factors *factors; /* as written to folder */
} fixture;

static float *random_floats(size_t n, uint64_t stream)
{
    float *values = calloc(n, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < n; i++) {
        values[i] = (float)at_uniform(1, stream, i);
    }
    return values;
}

/* Values that f32 holds exactly, so that writing rounds nothing. */
static double *random_doubles(size_t n, uint64_t stream)
{
    double *values = calloc(n, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < n; i++) {
        values[i] = (double)(float)at_uniform(1, stream, i);
    }
    return values;
}

static int set_up(void **state)
{
    attrib_error err = {0};
    size_t *tracked = NULL;
    size_t n = 0;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    make_scratch_folder(f->scratch, sizeof f->scratch);
    snprintf(f->folder, sizeof f->folder, "%s/factors", f->scratch);
    f->model = tiny_model();
    check_ok(attrib_model_select(f->model, "mlp", &tracked, &n, &err), &err);
    check_ok(at_factors_new(f->model, tracked, n, "mlp", &f->factors, &err), &err);
    for (size_t m = 0; m < n; m++) {
        at_factor *factor = &f->factors->factors[m];
        size_t i = factor->in_dim;
        size_t o = factor->out_dim;
        factor->covariance_a = random_doubles(i * (i + 1) / 2, 10 * m);
        factor->covariance_s = random_doubles(o * (o + 1) / 2, 10 * m + 1);
        factor->basis_a.vectors = random_floats(i * i, 10 * m + 2);
        factor->basis_s.vectors = random_floats(o * o, 10 * m + 3);
        factor->values_a = random_doubles(i, 10 * m + 4);
        factor->values_s = random_doubles(o, 10 * m + 5);
        factor->lambda = random_doubles(o * i, 10 * m + 6);
    }
    f->factors->info.n_tokens = 1234;
    f->factors->info.n_sequences = 56;
    f->factors->info.seed = 7;
    memcpy(f->factors->model_hash, attrib_model_hash(f->model), AT_HASH_SIZE);
    at_hash_bytes("corpus", 6, f->factors->corpus_hash);
    at_hash_bytes("fit", 3, f->factors->identity);
    check_ok(attrib_factors_write(f->factors, f->folder, "attrib fit", &err), &err);
    free(tracked);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_factors_close(f->factors);
    attrib_model_close(f->model);
    remove_folder(f->scratch);
    free(f);
    return 0;
}

static void test_files__what_was_written_is_read(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *got = NULL;
    check_ok(attrib_factors_open(f->folder, f->model, &got, &err), &err);
    const attrib_factors_info *info = attrib_factors_describe(got);
    assert_int_equal(info->n_modules, 3);
    assert_int_equal(info->n_tokens, 1234);
    assert_int_equal(info->n_sequences, 56);
    assert_int_equal(info->seed, 7);
    assert_string_equal(info->modules, "mlp");
    assert_string_equal(info->corpus_hash, f->factors->corpus_hash);
    for (size_t m = 0; m < 3; m++) {
        const at_factor *a = &f->factors->factors[m];
        at_factor loaded = {0};
        const at_factor *b = &loaded;
        check_ok(
            at_factor_load(got, m, AT_PIECES_BASIS | AT_PIECES_LAMBDA, &loaded, &err),
            &err);
        size_t i = a->in_dim;
        size_t o = a->out_dim;
        assert_int_equal(a->module, b->module);
        assert_memory_equal(a->basis_a.vectors, b->basis_a.vectors,
                            i * i * sizeof(float));
        assert_memory_equal(a->basis_s.vectors, b->basis_s.vectors,
                            o * o * sizeof(float));
        assert_memory_equal(a->values_a, b->values_a, i * sizeof(double));
        assert_memory_equal(a->values_s, b->values_s, o * sizeof(double));
        assert_memory_equal(a->lambda, b->lambda, o * i * sizeof(double));
        at_factor_unload(got, &loaded);
    }
    attrib_factors_close(got);
}

/* On disk eigenvectors stand in columns and covariances are full squares, as Kronfluence
 * has them. */
static void test_files__layout_is_kronfluences(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    char path[300];
    const at_factor *factor = &f->factors->factors[0];
    const char *name = attrib_model_module(f->model, factor->module)->name;
    size_t n = factor->in_dim;
    double *values = calloc(n * n, sizeof *values);
    assert_non_null(values);
    snprintf(path, sizeof path, "%s/activation_eigenvectors.safetensors", f->folder);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    check_ok(at_tensor_to_f64(at_tensors_find(tensors, name), 0, n * n, values, &err),
             &err);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            assert_true(values[i * n + j] == (double)factor->basis_a.vectors[j * n + i]);
        }
    }
    at_tensors_close(tensors);
    snprintf(path, sizeof path, "%s/activation_covariance.safetensors", f->folder);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    check_ok(at_tensor_to_f64(at_tensors_find(tensors, name), 0, n * n, values, &err),
             &err);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double want = factor->covariance_a[i * (i + 1) / 2 + j];
            assert_true(values[i * n + j] == want && values[j * n + i] == want);
        }
    }
    at_tensors_close(tensors);
    free(values);
}

static void test_files__an_existing_folder_is_kept(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    check_fails(attrib_factors_write(f->factors, f->folder, NULL, &err), ATTRIB_EIO,
                &err);
    check_message(&err, "exists already");
    test_files__what_was_written_is_read(state);
}

/* Replace or cut one file, and see that opening fails as it should. */
static void check_refused(const fixture *f,
                          const char *file,
                          const void *bytes,
                          size_t n,
                          attrib_status expected,
                          const char *message)
{
    attrib_error err = {0};
    attrib_factors *got = NULL;
    at_map sound = {0};
    char path[400];
    snprintf(path, sizeof path, "%s/%s", f->folder, file);
    check_ok(at_map_open(path, &sound, &err), &err);
    unsigned char *kept = malloc(sound.n_bytes);
    size_t n_kept = sound.n_bytes;
    assert_non_null(kept);
    memcpy(kept, sound.bytes, n_kept);
    at_map_close(&sound);
    assert_int_equal(unlink(path), 0);
    if (bytes) {
        write_file(path, bytes, n);
    } else if (n) {
        write_file(path, kept, n_kept - n); /* cut n bytes */
    }
    check_fails(attrib_factors_open(f->folder, f->model, &got, &err), expected, &err);
    check_message(&err, message);
    assert_null(got);
    write_file(path, kept, n_kept);
    free(kept);
}

/* The count of the last map is another than the others': the numbers end the file. */
static void test_files__counts_that_differ_are_refused(void **state)
{
    const fixture *f = *state;
    static const char file[] = "num_lambda_processed.safetensors";
    attrib_error err = {0};
    at_map sound = {0};
    char path[400];
    snprintf(path, sizeof path, "%s/%s", f->folder, file);
    check_ok(at_map_open(path, &sound, &err), &err);
    size_t n = sound.n_bytes;
    unsigned char *bytes = malloc(n);
    assert_non_null(bytes);
    memcpy(bytes, sound.bytes, n);
    at_map_close(&sound);
    int64_t count = 0;
    memcpy(&count, bytes + n - sizeof count, sizeof count);
    assert_true(count > 0);
    count++;
    memcpy(bytes + n - sizeof count, &count, sizeof count);
    check_refused(f, file, bytes, n, ATTRIB_ESHAPE,
                  "expected one positive count for all maps");
    free(bytes);
}

/* A finite number of one file is another than was written: its lowest bit is flipped. */
static void check_change_noticed(const fixture *f, const char *file)
{
    attrib_error err = {0};
    at_map sound = {0};
    char path[400];
    char message[200];
    snprintf(path, sizeof path, "%s/%s", f->folder, file);
    snprintf(message, sizeof message, "%s: changed since it was written", file);
    check_ok(at_map_open(path, &sound, &err), &err);
    size_t n = sound.n_bytes;
    unsigned char *bytes = malloc(n);
    assert_non_null(bytes);
    memcpy(bytes, sound.bytes, n);
    at_map_close(&sound);
    bytes[n - sizeof(double)] ^= 1;
    check_refused(f, file, bytes, n, ATTRIB_EFORMAT, message);
    free(bytes);
}

static void test_files__changed_numbers_are_noticed(void **state)
{
    const fixture *f = *state;
    check_change_noticed(f, "activation_eigenvectors.safetensors");
    check_change_noticed(f, "gradient_eigenvectors.safetensors");
    check_change_noticed(f, "lambda_matrix.safetensors");
}

/* All maps' counts agree with one another, but not with the manifest. */
static void test_files__counts_of_another_fit_are_noticed(void **state)
{
    const fixture *f = *state;
    static const char file[] = "num_lambda_processed.safetensors";
    attrib_error err = {0};
    at_map other = {0};
    char path[400];
    snprintf(path, sizeof path, "%s/other", f->scratch);
    f->factors->info.n_sequences++;
    check_ok(attrib_factors_write(f->factors, path, NULL, &err), &err);
    snprintf(path, sizeof path, "%s/other/%s", f->scratch, file);
    check_ok(at_map_open(path, &other, &err), &err);
    check_refused(f, file, other.bytes, other.n_bytes, ATTRIB_EFORMAT,
                  "the manifest says");
    at_map_close(&other);
}

static void test_files__broken_folders_are_refused(void **state)
{
    const fixture *f = *state;
    const char bad_strategy[] = "{\"strategy\": \"magic\"}";
    check_refused(f, "factor_arguments.json", NULL, 0, ATTRIB_EFORMAT,
                  "factor_arguments.json");
    check_refused(f, "factor_arguments.json", bad_strategy, sizeof bad_strategy - 1,
                  ATTRIB_ENOTSUP, "magic");
    check_refused(f, "lambda_matrix.safetensors", NULL, 0, ATTRIB_EIO, "lambda_matrix");
    check_refused(f, "lambda_matrix.safetensors", NULL, 5, ATTRIB_EFORMAT,
                  "lambda_matrix");
    check_refused(f, "gradient_eigenvectors.safetensors", NULL, 1, ATTRIB_EFORMAT,
                  "gradient_eigenvectors");
    check_refused(f, "manifest.msgpack", NULL, 1, ATTRIB_EFORMAT, "manifest.msgpack");
    check_refused(f, "num_lambda_processed.safetensors", NULL, 8, ATTRIB_EFORMAT,
                  "num_lambda_processed");
}

/* A second fit into another folder, one of whose files then stands in the first. */
static void test_files__files_of_two_fits_are_refused(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    char other[300];
    char path[400];
    at_map file = {0};
    snprintf(other, sizeof other, "%s/other", f->scratch);
    at_hash_bytes("another fit", 11, f->factors->identity);
    check_ok(attrib_factors_write(f->factors, other, NULL, &err), &err);
    snprintf(path, sizeof path, "%s/lambda_matrix.safetensors", other);
    check_ok(at_map_open(path, &file, &err), &err);
    check_refused(f, "lambda_matrix.safetensors", file.bytes, file.n_bytes, ATTRIB_ESHAPE,
                  "another fit");
    at_map_close(&file);
}

static void test_files__factors_of_another_model_are_refused(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *got = NULL;
    char other[300];
    snprintf(other, sizeof other, "%s/other", f->scratch);
    at_hash_bytes("another model", 13, f->factors->model_hash);
    check_ok(attrib_factors_write(f->factors, other, NULL, &err), &err);
    check_fails(attrib_factors_open(other, f->model, &got, &err), ATTRIB_ESHAPE, &err);
    check_message(&err, "another model");
}

static void test_files__values_that_are_not_finite_are_refused(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *got = NULL;
    char other[300];
    snprintf(other, sizeof other, "%s/other", f->scratch);
    f->factors->factors[1].lambda[2] = nan("");
    check_ok(attrib_factors_write(f->factors, other, NULL, &err), &err);
    check_fails(attrib_factors_open(other, f->model, &got, &err), ATTRIB_ENUMERIC, &err);
    check_message(&err, "not finite");
}

/* The sums that dampings depend on are those of the file, found when it is opened. In a
 * piece of 1,024 entries each of 16 sums has up to 64 addends. */
static void test_files__lambda_is_summed_when_it_is_opened(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *got = NULL;
    char other[300];
    snprintf(other, sizeof other, "%s/other", f->scratch);
    f->factors->factors[1].lambda[5] = -0.25;
    check_ok(attrib_factors_write(f->factors, other, NULL, &err), &err);
    check_ok(attrib_factors_open(other, f->model, &got, &err), &err);
    for (size_t m = 0; m < got->info.n_modules; m++) {
        const at_factor *factor = &f->factors->factors[m];
        at_lambda_sums sums = got->factors[m].sums;
        double sum = 0;
        double size = 0;
        double smallest = HUGE_VAL;
        for (size_t k = 0; k < factor->out_dim * factor->in_dim; k++) {
            sum += factor->lambda[k];
            size += fabs(factor->lambda[k]);
            smallest = fmin(smallest, factor->lambda[k]);
        }
        assert_int_equal(sums.n, factor->out_dim * factor->in_dim);
        assert_true(fabs(sums.sum - sum) <= (double)sums.n * DBL_EPSILON * size);
        assert_true(sums.smallest == smallest);
        assert_true(sums.of_roots == 0);
    }
    assert_true(got->factors[1].sums.smallest == -0.25);
    attrib_factors_close(got);
}

/* The damping of a map whose file was summed has the bytes of one that is in memory. */
static void test_files__dampings_of_files_and_of_memory_are_the_same(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *got = NULL;
    const at_damping how = {ATTRIB_EKFAC, 0.1, false};
    check_ok(attrib_factors_open(f->folder, f->model, &got, &err), &err);
    for (size_t m = 0; m < got->info.n_modules; m++) {
        double of_file = 0;
        double of_memory = 0;
        assert_null(got->factors[m].lambda);
        check_ok(at_damping_of(got, &got->factors[m], &how, "map", &of_file, &err), &err);
        check_ok(at_damping_of(f->factors, &f->factors->factors[m], &how, "map",
                               &of_memory, &err),
                 &err);
        assert_true(of_file > 0 && of_file == of_memory);
    }
    attrib_factors_close(got);
}

/* A number that is not finite in a file that was changed: the change is named. */
static void test_files__a_change_is_named_before_its_numbers(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *got = NULL;
    const double nan_entry = nan("");
    char file[400];
    snprintf(file, sizeof file, "%s/lambda_matrix.safetensors", f->folder);
    FILE *stream = fopen(file, "r+b");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, -(long)sizeof nan_entry, SEEK_END), 0);
    assert_int_equal(fwrite(&nan_entry, sizeof nan_entry, 1, stream), 1);
    assert_int_equal(fclose(stream), 0);
    check_fails(attrib_factors_open(f->folder, f->model, &got, &err), ATTRIB_EFORMAT,
                &err);
    check_message(&err, "changed since it was written");
}

/* Maps that are read into one room one after the other have the bytes of maps that are
 * read by themselves, whatever was there before. */
static void test_files__maps_read_into_a_room_are_the_same(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *got = NULL;
    at_factor_room room = {0};
    const unsigned pieces = AT_PIECES_BASIS | AT_PIECES_LAMBDA;
    check_ok(attrib_factors_open(f->folder, f->model, &got, &err), &err);
    for (size_t k = 0; k < 2 * got->info.n_modules; k++) {
        at_factor alone = {0};
        at_factor in_room = {0};
        size_t m = k % got->info.n_modules;
        check_ok(at_factor_load(got, m, pieces, &alone, &err), &err);
        check_ok(at_factor_load_into(got, m, pieces, &room, &in_room, &err), &err);
        size_t i = alone.in_dim;
        size_t o = alone.out_dim;
        assert_memory_equal(alone.basis_a.vectors, in_room.basis_a.vectors,
                            i * i * sizeof(float));
        assert_memory_equal(alone.basis_s.vectors, in_room.basis_s.vectors,
                            o * o * sizeof(float));
        assert_memory_equal(alone.values_a, in_room.values_a, i * sizeof(double));
        assert_memory_equal(alone.values_s, in_room.values_s, o * sizeof(double));
        assert_memory_equal(alone.lambda, in_room.lambda, o * i * sizeof(double));
        at_factor_unload(got, &alone);
        memset(room.bytes, 0x5A, room.n_bytes);
    }
    free(room.bytes);
    attrib_factors_close(got);
}

/* Eigenvectors lie in f32 and are read as they are. One that becomes what is no number
 * after they were opened is refused where it is read, and those of other maps are not. */
static void test_files__eigenvectors_that_are_not_finite_are_refused(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *got = NULL;
    size_t n_refused = 0;
    const float nan_entry = NAN;
    char other[300];
    char file[400];
    snprintf(other, sizeof other, "%s/vectors", f->scratch);
    snprintf(file, sizeof file, "%s/gradient_eigenvectors.safetensors", other);
    check_ok(attrib_factors_write(f->factors, other, NULL, &err), &err);
    check_ok(attrib_factors_open(other, f->model, &got, &err), &err);
    FILE *stream = fopen(file, "r+b");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, -(long)sizeof nan_entry, SEEK_END), 0);
    assert_int_equal(fwrite(&nan_entry, sizeof nan_entry, 1, stream), 1);
    assert_int_equal(fclose(stream), 0);
    for (size_t m = 0; m < got->info.n_modules; m++) {
        at_factor factor = {0};
        n_refused +=
            at_factor_load(got, m, AT_PIECES_BASIS, &factor, &err) == ATTRIB_ENUMERIC;
        at_factor_unload(got, &factor);
    }
    assert_int_equal(n_refused, 1);
    check_message(&err, "not finite");
    attrib_factors_close(got);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_files__what_was_written_is_read),
        with_fixture(test_files__layout_is_kronfluences),
        with_fixture(test_files__an_existing_folder_is_kept),
        with_fixture(test_files__counts_that_differ_are_refused),
        with_fixture(test_files__changed_numbers_are_noticed),
        with_fixture(test_files__counts_of_another_fit_are_noticed),
        with_fixture(test_files__broken_folders_are_refused),
        with_fixture(test_files__files_of_two_fits_are_refused),
        with_fixture(test_files__factors_of_another_model_are_refused),
        with_fixture(test_files__values_that_are_not_finite_are_refused),
        with_fixture(test_files__lambda_is_summed_when_it_is_opened),
        with_fixture(test_files__dampings_of_files_and_of_memory_are_the_same),
        with_fixture(test_files__a_change_is_named_before_its_numbers),
        with_fixture(test_files__maps_read_into_a_room_are_the_same),
        with_fixture(test_files__eigenvectors_that_are_not_finite_are_refused),
    };
    return run_cases(tests, NULL, NULL);
}
