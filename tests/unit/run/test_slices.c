/* SPDX-License-Identifier: MIT */
/* Slices in files: each alone while a file is on its way, joined when it is whole, with
 * the same numbers, seals and documents. */
#include "support/check.h"
#include "support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/slice_piece.h"

/* 17 slices: a file of 16, and one of the last, which is short. */
#define N_DOCUMENTS 8500
#define N_QUERIES   2

static size_t n_tokens_of(size_t d)
{
    return 2 + d % 3;
}

static double score_of(size_t d, size_t q)
{
    return (double)((d * 7 + q * 13) % 1000) - 500;
}

static attrib_corpus *make_corpus(size_t n)
{
    static const int32_t ids[] = {1, 2, 3, 4};
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_row *rows = calloc(n, sizeof *rows);
    char(*names)[24] = calloc(n, sizeof *names);
    assert_non_null(rows);
    assert_non_null(names);
    for (size_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "d%zu", i);
        rows[i] = (attrib_row){.id = names[i], .ids = ids, .n_tokens = n_tokens_of(i)};
    }
    const attrib_rows list = ATTRIB_LIST(rows, n);
    check_ok(attrib_corpus_from_rows(NULL, &list, NULL, NULL, &corpus, &err), &err);
    free(rows);
    free(names);
    return corpus;
}

static attrib_run *new_run(void)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    check_ok(at_run_new(&run, &err), &err);
    run->info.n_queries = N_QUERIES;
    run->info.n_documents = N_DOCUMENTS;
    run->info.folder = folder;
    run->n_tile = N_QUERIES;
    attrib_score_options_default(&run->options);
    run->options.with_tokens = true;
    at_hash_bytes("run", 3, run->identity);
    check_ok(at_run_place_slices(run, false, &err), &err);
    return run;
}

static void write_slice(const attrib_run *run, const attrib_corpus *corpus, size_t i)
{
    attrib_error err = {0};
    at_slice slice = {0};
    check_ok(at_slice_new(run, corpus, 0, i, &slice, &err), &err);
    double *scores = slice.arrays[AT_SCORES];
    float *tokens = slice.arrays[AT_TOKENS];
    for (size_t d = 0; d < slice.counts.n_documents; d++) {
        for (size_t q = 0; q < N_QUERIES; q++) {
            double score = score_of(slice.first + d, q);
            scores[d * N_QUERIES + q] = score;
            for (size_t t = slice.first_token[d]; t < slice.first_token[d + 1]; t++) {
                tokens[t * N_QUERIES + q] = (float)score;
            }
        }
    }
    check_ok(at_slice_write(run, &slice, &err), &err);
    at_slice_free(&slice);
}

static void check_slice(attrib_run *run, size_t i)
{
    attrib_error err = {0};
    const at_slice *slice = NULL;
    attrib_document document;
    check_ok(at_run_slice(run, 0, i, &slice, &err), &err);
    assert_int_equal(slice->first, i * AT_SLICE_DOCUMENTS);
    for (size_t d = 0; d < slice->counts.n_documents; d++) {
        size_t n = slice->first_token[d + 1] - slice->first_token[d];
        const double *scores = slice->arrays[AT_SCORES];
        const float *tokens = slice->arrays[AT_TOKENS];
        assert_int_equal(n, n_tokens_of(slice->first + d));
        for (size_t q = 0; q < N_QUERIES; q++) {
            double want = score_of(slice->first + d, q);
            assert_true(scores[d * N_QUERIES + q] == want);
            assert_true((double)tokens[(slice->first_token[d + 1] - 1) * N_QUERIES + q] ==
                        want);
        }
    }
    char name[16];
    check_ok(attrib_run_document(run, slice->first + 5, &document, &err), &err);
    snprintf(name, sizeof name, "d%zu", slice->first + 5);
    assert_string_equal(document.id, name);
}

static bool is_there(const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void test_slices__are_joined_when_their_file_is_whole(void **state)
{
    (void)state;
    attrib_corpus *corpus = make_corpus(N_DOCUMENTS);
    attrib_run *run = new_run();
    for (size_t i = 0; i < 15; i++) {
        write_slice(run, corpus, i);
    }
    assert_true(is_there("slice-0000-000014.safetensors"));
    assert_false(is_there("scores-0000-000000.safetensors"));
    check_slice(run, 3); /* alone */
    write_slice(run, corpus, 15);
    write_slice(run, corpus, 16);
    assert_true(is_there("scores-0000-000000.safetensors"));
    assert_true(is_there("scores-0000-000001.safetensors"));
    for (size_t i = 0; i < 17; i++) {
        char name[64];
        snprintf(name, sizeof name, "slice-0000-%06zu.safetensors", i);
        assert_false(is_there(name));
        check_slice(run, i);
    }
    attrib_run_close(run);
    attrib_corpus_close(corpus);
}

/* A process that was killed between writing the file and removing its slices. */
static void test_slices__that_are_left_over_are_removed(void **state)
{
    (void)state;
    attrib_error err = {0};
    char path[400];
    attrib_corpus *corpus = make_corpus(N_DOCUMENTS);
    attrib_run *run = new_run();
    for (size_t i = 0; i < 16; i++) {
        write_slice(run, corpus, i);
    }
    snprintf(path, sizeof path, "%s/slice-0000-000007.safetensors", folder);
    FILE *left = fopen(path, "w");
    assert_non_null(left);
    assert_int_equal(fclose(left), 0);
    check_ok(at_slices_join(run, 0, 15, &err), &err);
    assert_false(is_there("slice-0000-000007.safetensors"));
    check_slice(run, 7);
    attrib_run_close(run);
    attrib_corpus_close(corpus);
}

/* A byte that changed in one slice of a file is noticed in that slice alone, and a slice
 * that changed is not joined. */
static void change_byte(const char *name, size_t slice)
{
    char path[400];
    at_tensors *tensors = NULL;
    attrib_error err = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    const at_tensor *scores = at_tensors_find(tensors, "scores");
    at_map map = {0};
    check_ok(at_map_open(path, &map, &err), &err);
    uint64_t header = 0;
    memcpy(&header, map.bytes, sizeof header);
    size_t at = scores->n_bytes / scores->shape[0] * (slice * AT_SLICE_DOCUMENTS + 9);
    assert_int_equal(scores->shape[1], N_QUERIES);
    FILE *stream = fopen(path, "r+");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, (long)(8 + header + at), SEEK_SET), 0);
    fputc(map.bytes[8 + header + at] ^ 1, stream);
    assert_int_equal(fclose(stream), 0);
    at_map_close(&map);
    at_tensors_close(tensors);
}

static void test_slices__that_changed_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    const at_slice *slice = NULL;
    attrib_corpus *corpus = make_corpus(N_DOCUMENTS);
    attrib_run *run = new_run();
    for (size_t i = 0; i < 15; i++) {
        write_slice(run, corpus, i);
    }
    change_byte("slice-0000-000004.safetensors", 0);
    at_slice last = {0};
    check_ok(at_slice_new(run, corpus, 0, 15, &last, &err), &err);
    check_fails(at_slice_write(run, &last, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "slice-0000-000004.safetensors: changed since it was written");
    at_slice_free(&last);
    err = (attrib_error){0};
    write_slice(run, corpus, 4);
    write_slice(run, corpus, 15);
    change_byte("scores-0000-000000.safetensors", 6);
    check_slice(run, 5);
    check_fails(at_run_slice(run, 0, 6, &slice, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "scores-0000-000000.safetensors: changed since it was written");
    attrib_run_close(run);
    attrib_corpus_close(corpus);
}

/* Slices and files begin anew with every part. */
static void test_slices__have_places_in_parts(void **state)
{
    (void)state;
    at_part parts[] = {{.end = 1000, .n_corpus = 1000},
                       {.first = 512, .end = 1024, .n_corpus = 9999},
                       {.end = 8500, .n_corpus = 8500}};
    attrib_run run = {.info = {.n_documents = 10012}, .parts = parts, .n_parts = 3};

    static const struct {
        size_t document, i_slice, d, first, n, i_file, i_within;
    } cases[] = {{0, 0, 0, 0, 512, 0, 0},        {999, 1, 487, 512, 488, 0, 1},
                 {1000, 2, 0, 1000, 512, 1, 0},  {1511, 2, 511, 1000, 512, 1, 0},
                 {1512, 3, 0, 1512, 512, 2, 0},  {9703, 18, 511, 9192, 512, 2, 15},
                 {9704, 19, 0, 9704, 308, 3, 0}, {10011, 19, 307, 9704, 308, 3, 0}};

    assert_int_equal(at_run_n_slices(&run), 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t d = 0;
        size_t i_slice = at_run_slice_of(&run, cases[i].document, &d);
        at_slice_place place = at_run_place(&run, i_slice);
        assert_int_equal(i_slice, cases[i].i_slice);
        assert_int_equal(d, cases[i].d);
        assert_int_equal(place.first, cases[i].first);
        assert_int_equal(place.n, cases[i].n);
        assert_int_equal(place.i_file, cases[i].i_file);
        assert_int_equal(place.i_within, cases[i].i_within);
    }
    assert_int_equal(at_run_place(&run, 3).n_within, 16);
    assert_int_equal(at_run_place(&run, 19).n_within, 1);
    assert_int_equal(at_run_place(&run, 19).n_file_documents, 308);
    run.n_tiles = 2; /* files of twice as many slices */
    assert_int_equal(at_run_place(&run, 19).n_within, 17);
    assert_int_equal(at_run_place(&run, 19).n_file_documents, 8500);
}

#define with_folder(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_folder(test_slices__are_joined_when_their_file_is_whole),
        with_folder(test_slices__that_are_left_over_are_removed),
        with_folder(test_slices__that_changed_are_refused),
        cmocka_unit_test(test_slices__have_places_in_parts),
    };
    return run_cases(tests, NULL, NULL);
}
