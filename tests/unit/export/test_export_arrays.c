/* SPDX-License-Identifier: MIT */
/* Runs as arrays: npz through libarchive's reader, safetensors through the library's own.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/write.h"
#include "fake_run.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "support/check.h"
#include "support/scratch_file.h"

/* The bytes of a zip's member, owned by the caller; members must be stored. */
static at_buffer read_member(const char *name)
{
    attrib_error err = {0};
    at_buffer bytes = {0};
    struct archive *zip = archive_read_new();
    struct archive_entry *entry = NULL;
    bool is_found = false;
    archive_read_support_format_zip(zip);
    assert_int_equal(archive_read_open_filename(zip, path, 4096), ARCHIVE_OK);
    while (archive_read_next_header(zip, &entry) == ARCHIVE_OK) {
        char piece[1000];
        la_ssize_t n = 0;
        assert_non_null(strstr(archive_format_name(zip), "uncompressed"));
        if (strcmp(archive_entry_pathname(entry), name) != 0) {
            continue;
        }
        is_found = true;
        while ((n = archive_read_data(zip, piece, sizeof piece)) > 0) {
            check_ok(at_buffer_append(&bytes, piece, (size_t)n, &err), &err);
        }
        assert_int_equal(n, 0);
        assert_int_equal(archive_entry_size(entry), bytes.n_bytes);
    }
    archive_read_free(zip);
    assert_true(is_found);
    return bytes;
}

/* The data of an npy member whose header must be `want` but for padding. */
static const char *npy_data(const at_buffer *bytes, const char *want, size_t *n)
{
    assert_true(bytes->n_bytes > 10);
    assert_memory_equal(bytes->bytes, "\x93NUMPY\x01\x00", 8);
    size_t n_header =
        (unsigned char)bytes->bytes[8] | (size_t)(unsigned char)bytes->bytes[9] << 8;
    assert_int_equal((10 + n_header) % 64, 0);
    assert_memory_equal(bytes->bytes + 10, want, strlen(want));
    for (size_t i = strlen(want); i + 1 < n_header; i++) {
        assert_int_equal(bytes->bytes[10 + i], ' ');
    }
    assert_int_equal(bytes->bytes[10 + n_header - 1], '\n');
    *n = bytes->n_bytes - 10 - n_header;
    return bytes->bytes + 10 + n_header;
}

static void test_export_arrays__npz_holds_scores_and_ids(void **state)
{
    (void)state;
    attrib_error err = {0};
    size_t n = 0;
    check_ok(attrib_export_run(fake_run(), in_format(ATTRIB_EXPORT_NPZ), path, &err),
             &err);
    at_buffer bytes = read_member("scores.npy");
    const char *data = npy_data(
        &bytes, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 5), }", &n);
    assert_int_equal(n, 2 * 5 * 8);
    for (size_t d = 0; d < 5; d++) {
        for (size_t q = 0; q < 2; q++) { /* column by column */
            double got = 0;
            memcpy(&got, data + 8 * (2 * d + q), 8);
            assert_true(got == fake_score(q, d));
        }
    }
    at_buffer_free(&bytes);
    bytes = read_member("query_ids.npy");
    data =
        npy_data(&bytes, "{'descr': '<U3', 'fortran_order': True, 'shape': (2,), }", &n);
    assert_int_equal(n, 2 * 3 * 4);
    assert_memory_equal(data, "q\0\0\0001\0\0\0\0\0\0\0q\0\0\0,\0\0\0002\0\0\0", 24);
    at_buffer_free(&bytes);
    bytes = read_member("document_ids.npy");
    data =
        npy_data(&bytes, "{'descr': '<U14', 'fortran_order': True, 'shape': (5,), }", &n);
    assert_int_equal(n, 5 * 14 * 4);
    uint32_t third[14] = {'M', 0xFC, 'l', 'l', 'e', 'r', ' ', 0x1F600};
    assert_memory_equal(data + 2 * sizeof third, third, sizeof third);
    at_buffer_free(&bytes);
}

static void test_export_arrays__npz_holds_fields(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_export_options *options = in_format(ATTRIB_EXPORT_NPZ);
    size_t n = 0;
    options->fields = "loss,completion,line,source,tags.kind,tags.none";
    check_ok(attrib_export_run(fake_run(), options, path, &err), &err);
    at_buffer bytes = read_member("loss.npy");
    const char *data =
        npy_data(&bytes, "{'descr': '<f8', 'fortran_order': True, 'shape': (2,), }", &n);
    const double losses[] = {3.25, 0.5};
    assert_int_equal(n, sizeof losses);
    assert_memory_equal(data, losses, n);
    at_buffer_free(&bytes);
    bytes = read_member("line.npy");
    data =
        npy_data(&bytes, "{'descr': '<i8', 'fortran_order': True, 'shape': (5,), }", &n);
    const int64_t lines[] = {1, 2, 3, 4, 5};
    assert_int_equal(n, sizeof lines);
    assert_memory_equal(data, lines, n);
    at_buffer_free(&bytes);
    bytes = read_member("completion.npy"); /* the second has none */
    data =
        npy_data(&bytes, "{'descr': '<U7', 'fortran_order': True, 'shape': (2,), }", &n);
    const uint32_t completions[14] = {' ', 'G', 'o', 'e', 't', 'h', 'e'};
    assert_int_equal(n, sizeof completions);
    assert_memory_equal(data, completions, n);
    at_buffer_free(&bytes);
    bytes = read_member("tags.kind.npy");
    data =
        npy_data(&bytes, "{'descr': '<U6', 'fortran_order': True, 'shape': (5,), }", &n);
    const uint32_t kind[6] = {'p', 'e', 'r', 's', 'o', 'n'};
    assert_memory_equal(data + 4 * sizeof kind, kind, sizeof kind);
    at_buffer_free(&bytes);
    bytes = read_member("tags.none.npy");
    npy_data(&bytes, "{'descr': '<U1', 'fortran_order': True, 'shape': (5,), }", &n);
    assert_int_equal(n, 5 * 4);
    at_buffer_free(&bytes);
}

/* What scores were before they were divided is exported too. */
static void test_export_arrays__raw_scores(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_run *run = fake_run();
    attrib_run_info *info = (attrib_run_info *)(uintptr_t)attrib_run_describe(run);
    at_tensors *tensors = NULL;
    size_t n = 0;
    double raw[10];
    double scores[10];
    fake_options()->normalize = ATTRIB_NORMALIZE_NATS;
    info->query_rank = 4;
    check_ok(attrib_export_run(run, in_format(ATTRIB_EXPORT_NPZ), path, &err), &err);
    at_buffer bytes = read_member("raw_scores.npy");
    const char *data = npy_data(
        &bytes, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 5), }", &n);
    memcpy(raw, data, sizeof raw);
    for (size_t k = 0; k < 10; k++) {
        assert_true(raw[k] == 2 * fake_score(k % 2, k / 2));
    }
    at_buffer_free(&bytes);
    fake_set_score(1, 4, 3e37); /* F32 holds it */
    check_ok(attrib_export_run(run, in_format(ATTRIB_EXPORT_SAFETENSORS), path, &err),
             &err);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    assert_string_equal(at_tensors_metadata(tensors, "normalize"), "nats");
    assert_non_null(at_tensors_find(tensors, "bounds"));
    check_ok(at_tensor_to_f64(at_tensors_find(tensors, "raw_scores"), 0, 10, raw, &err),
             &err);
    check_ok(at_tensor_to_f64(at_tensors_find(tensors, "scores"), 0, 10, scores, &err),
             &err);
    for (size_t k = 0; k < 10; k++) {
        assert_true(scores[k] == fake_score(k / 5, k % 5) && raw[k] == 2 * scores[k]);
    }
    at_tensors_close(tensors);
}

/* Document i has i + 1 tokens: rows of queries, and where each document's begin. */
static void check_tokens(const char *data, const char *offsets, size_t i_setting)
{
    float share = 0;
    int64_t offset = 0;
    size_t n = 0;
    for (size_t i = 0; i < 5; i++) {
        memcpy(&offset, offsets + i * sizeof offset, sizeof offset);
        assert_int_equal(offset, n / 2);
        for (size_t k = 0; k < 2 * (i + 1); k++, n++) {
            memcpy(&share, data + n * sizeof share, sizeof share);
            assert_true(share == (float)(1000 * i_setting + 100 * i + k));
        }
    }
    memcpy(&offset, offsets + 5 * sizeof offset, sizeof offset);
    assert_int_equal(offset, 15);
}

static void test_export_arrays__tokens(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_run *run = fake_run();
    attrib_run_info *info = (attrib_run_info *)(uintptr_t)attrib_run_describe(run);
    at_tensors *tensors = NULL;
    size_t n = 0;
    fake_options()->with_tokens = true;
    fake_options()->n_settings = 2;
    info->n_groups = 1;
    info->n_planes = 4;
    fake_options()->settings[1] = (attrib_setting){ATTRIB_IDENTITY, 0.1, false, 0};
    check_ok(attrib_export_run(run, in_format(ATTRIB_EXPORT_NPZ), path, &err), &err);
    at_buffer bytes = read_member("tokens.identity.npy");
    at_buffer offsets = read_member("token_offsets.npy");
    const char *data = npy_data(
        &bytes, "{'descr': '<f4', 'fortran_order': False, 'shape': (15, 2), }", &n);
    assert_int_equal(n, 15 * 2 * 4);
    const char *starts = npy_data(
        &offsets, "{'descr': '<i8', 'fortran_order': False, 'shape': (6,), }", &n);
    check_tokens(data, starts, 1);
    at_buffer_free(&bytes);
    at_buffer_free(&offsets);
    fake_set_score(1, 4, 1); /* F32 holds it with what is added for a plane */
    check_ok(attrib_export_run(run, in_format(ATTRIB_EXPORT_SAFETENSORS), path, &err),
             &err);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    const at_tensor *tokens = at_tensors_find(tensors, "tokens");
    const size_t shape[2] = {15, 2};
    check_ok(at_tensor_expect(tokens, 2, shape, &err), &err);
    assert_int_equal(tokens->dtype, ATTRIB_F32);
    const at_tensor *first = at_tensors_find(tensors, "token_offsets");
    assert_int_equal(first->dtype, ATTRIB_I64);
    check_tokens((const char *)tokens->data, (const char *)first->data, 0);
    at_tensors_close(tensors);
}

/* Self-influences: a row a setting. */
static void test_export_arrays__self_influences(void **state)
{
    (void)state;
    attrib_error err = {0};
    size_t n = 0;
    attrib_run *run = fake_run();
    at_tensors *tensors = NULL;
    double got[10];
    fake_options()->with_self = true;
    fake_options()->n_settings = 2;
    fake_options()->settings[1] = (attrib_setting){ATTRIB_KFAC, 0.1, false, 0};
    check_ok(attrib_export_run(run, in_format(ATTRIB_EXPORT_NPZ), path, &err), &err);
    at_buffer bytes = read_member("self.npy");
    const char *data = npy_data(
        &bytes, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 5), }", &n);
    assert_int_equal(n, sizeof got);
    memcpy(got, data, sizeof got);
    for (size_t k = 0; k < 10; k++) {
        assert_true(got[k] == (double)(k % 5) + 100.0 * (double)(k / 5));
    }
    at_buffer_free(&bytes);
    check_ok(attrib_export_run(run, in_format(ATTRIB_EXPORT_SAFETENSORS), path, &err),
             &err);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    const at_tensor *tensor = at_tensors_find(tensors, "self");
    const size_t shape[2] = {2, 5};
    assert_non_null(tensor);
    check_ok(at_tensor_expect(tensor, 2, shape, &err), &err);
    assert_memory_equal(tensor->data, got, sizeof got);
    at_tensors_close(tensors);
}

static void test_export_arrays__npz_of_the_same_run_has_the_same_bytes(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer first = {0};
    at_buffer second = {0};
    check_ok(attrib_export_run(fake_run(), in_format(ATTRIB_EXPORT_NPZ), path, &err),
             &err);
    check_ok(at_read_file(path, 1 << 20, &first, &err), &err);
    check_ok(attrib_export_run(fake_run(), in_format(ATTRIB_EXPORT_NPZ), path, &err),
             &err);
    check_ok(at_read_file(path, 1 << 20, &second, &err), &err);
    assert_int_equal(first.n_bytes, second.n_bytes);
    assert_memory_equal(first.bytes, second.bytes, first.n_bytes);
    at_buffer_free(&first);
    at_buffer_free(&second);
}

/* `scores` [Q, N] as they are, and `all_modules` [Q, N] rounded to F32. */
static void check_scores(const at_tensors *tensors, size_t n_queries, size_t n_documents)
{
    attrib_error err = {0};
    const size_t shape[2] = {n_queries, n_documents};
    const at_tensor *scores = at_tensors_find(tensors, "scores");
    const at_tensor *rounded = at_tensors_find(tensors, "all_modules");
    check_ok(at_tensor_expect(scores, 2, shape, &err), &err);
    check_ok(at_tensor_expect(rounded, 2, shape, &err), &err);
    assert_int_equal(scores->dtype, ATTRIB_F64);
    assert_int_equal(rounded->dtype, ATTRIB_F32);
    for (size_t i = 0; i < n_queries * n_documents; i++) {
        double score = 0;
        float narrow = 0;
        double wanted = fake_score(i / n_documents, i % n_documents);
        memcpy(&score, scores->data + 8 * i, 8);
        memcpy(&narrow, rounded->data + 4 * i, 4);
        assert_true(score == wanted && narrow == (float)wanted);
    }
}

static void test_export_arrays__safetensors_holds_scores_also_as_kronfluence_does(
    void **state)
{
    (void)state;
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    json_t *ids = NULL;
    check_ok(
        attrib_export_run(fake_run(), in_format(ATTRIB_EXPORT_SAFETENSORS), path, &err),
        &err);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    assert_int_equal(at_tensors_count(tensors), 2);
    check_scores(tensors, 2, 5);
    const char *text = at_tensors_metadata(tensors, "document_ids");
    check_ok(at_json_parse("ids", text, strlen(text), &ids, &err), &err);
    assert_int_equal(json_array_size(ids), 5);
    assert_string_equal(json_string_value(json_array_get(ids, 2)),
                        "M\xC3\xBCller \xF0\x9F\x98\x80");
    json_decref(ids);
    text = at_tensors_metadata(tensors, "query_ids");
    check_ok(at_json_parse("ids", text, strlen(text), &ids, &err), &err);
    assert_string_equal(json_string_value(json_array_get(ids, 1)), "q,2");
    json_decref(ids);
    assert_string_equal(at_tensors_metadata(tensors, "damping"), "0.1 x mean(Lambda)");
    at_tensors_close(tensors);
}

/* More documents than a block holds: 300 queries take 6,990 a block. */
static void test_export_arrays__blocks_are_put_together(void **state)
{
    (void)state;

    enum { n_queries = 300, n_documents = 8001 };

    attrib_error err = {0};
    at_tensors *tensors = NULL;
    attrib_run *run = fake_wide_run(n_queries, n_documents);
    assert_true(at_block_documents(attrib_run_describe(run)) < n_documents);
    check_ok(attrib_export_run(run, in_format(ATTRIB_EXPORT_SAFETENSORS), path, &err),
             &err);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    check_scores(tensors, n_queries, n_documents);
    at_tensors_close(tensors);
    check_ok(attrib_export_run(run, in_format(ATTRIB_EXPORT_NPZ), path, &err), &err);
    at_buffer bytes = read_member("scores.npy");
    size_t n = 0;
    const char *data = npy_data(
        &bytes, "{'descr': '<f8', 'fortran_order': True, 'shape': (300, 8001), }", &n);
    assert_int_equal(n, (size_t)n_queries * n_documents * 8);
    for (size_t i = 0; i < (size_t)n_queries * n_documents; i++) {
        double got = 0;
        memcpy(&got, data + 8 * i, 8);
        assert_true(got == fake_score(i % n_queries, i / n_queries));
    }
    at_buffer_free(&bytes);
}

static void test_export_arrays__a_failure_leaves_no_file(void **state)
{
    (void)state;
    for (int format = ATTRIB_EXPORT_NPZ; format <= ATTRIB_EXPORT_SAFETENSORS; format++) {
        attrib_error err = {0};
        attrib_run *run = fake_run();
        fake_fail_from(3);
        check_fails(
            attrib_export_run(run, in_format((attrib_export_format)format), path, &err),
            ATTRIB_EIO, &err);
        check_message(&err, "scores of document 3: gone");
        assert_false(at_is_file(path));
        assert_int_equal(rmdir(folder), 0); /* nothing temporary either */
        make_scratch_folder(folder, sizeof folder);
        snprintf(path, sizeof path, "%s/out", folder);
    }
}

static void test_export_arrays__folders_that_are_not_there_are_named(void **state)
{
    (void)state;
    for (int format = 0; format <= ATTRIB_EXPORT_SAFETENSORS; format++) {
        attrib_error err = {0};
        check_fails(attrib_export_run(fake_run(), in_format((attrib_export_format)format),
                                      "/nowhere/x", &err),
                    ATTRIB_EIO, &err);
        check_message(&err, "/nowhere/x");
    }
}

static void test_export_arrays__scores_beyond_f32_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_run *run = fake_run();
    fake_set_score(1, 4, 1e39);
    check_fails(attrib_export_run(run, in_format(ATTRIB_EXPORT_SAFETENSORS), path, &err),
                ATTRIB_ENOTSUP, &err);
    check_message(&err, "query 1, document 4: a score of 1e+39");
    assert_false(at_is_file(path));
}

static void test_export_arrays__unknown_formats_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    check_fails(
        attrib_export_run(fake_run(), in_format((attrib_export_format)9), path, &err),
        ATTRIB_EINVAL, &err);
}

int main(void)
{
#define WITH_FOLDER(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_file_set_up, scratch_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_export_arrays__npz_holds_scores_and_ids),
        WITH_FOLDER(test_export_arrays__npz_holds_fields),
        WITH_FOLDER(test_export_arrays__raw_scores),
        WITH_FOLDER(test_export_arrays__self_influences),
        WITH_FOLDER(test_export_arrays__tokens),
        WITH_FOLDER(test_export_arrays__npz_of_the_same_run_has_the_same_bytes),
        WITH_FOLDER(
            test_export_arrays__safetensors_holds_scores_also_as_kronfluence_does),
        WITH_FOLDER(test_export_arrays__blocks_are_put_together),
        WITH_FOLDER(test_export_arrays__a_failure_leaves_no_file),
        cmocka_unit_test(test_export_arrays__folders_that_are_not_there_are_named),
        WITH_FOLDER(test_export_arrays__scores_beyond_f32_are_refused),
        WITH_FOLDER(test_export_arrays__unknown_formats_are_refused),
    };
    return run_cases(tests, NULL, NULL);
}
