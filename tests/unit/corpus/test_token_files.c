/* SPDX-License-Identifier: MIT */
/* Files of tokens as trainers keep them. The files of tests/golden/tokens and what they
 * hold are NumPy's (scripts/make-token-fixtures). */
#include "support/check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrib/corpus.h"
#include "base/file.h"
#include "format/json.h"
#include "support/fake_tokenizer.h"

static const attrib_tokenizer both = {true, true, false};
static char folder[256];
static json_t *expected;

static int set_up(void **state)
{
    (void)state;
    attrib_error err = {0};
    make_scratch_folder(folder, sizeof folder);
    check_ok(at_json_read(source_path("tests/golden/tokens/expected.json"), 1 << 20,
                          &expected, &err),
             &err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(expected);
    remove_folder(folder);
    return 0;
}

/* A path in the scratch folder; four of them live at a time. */
static const char *at(const char *name)
{
    static char paths[4][512];
    static size_t i;
    i = (i + 1) % 4;
    snprintf(paths[i], sizeof paths[i], "%s/%s", folder, name);
    return paths[i];
}

static attrib_corpus_options usual(void)
{
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    return options;
}

static attrib_status open_path(const char *path,
                               const attrib_corpus_options *options,
                               attrib_corpus **out,
                               attrib_error *err)
{
    return attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, options, out, err);
}

static attrib_corpus *must_open(const char *path, const attrib_corpus_options *options)
{
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    check_ok(open_path(path, options, &corpus, &err), &err);
    return corpus;
}

static void check_refused(const char *path,
                          const attrib_corpus_options *options,
                          attrib_status status,
                          const char *message)
{
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    attrib_corpus_options standard = usual();
    check_fails(open_path(path, options ? options : &standard, &corpus, &err), status,
                &err);
    assert_null(corpus);
    check_message(&err, message);
}

/* "id|id|..." of all documents, each with its tokens; freed by the caller. */
static char *describe(const attrib_corpus *corpus)
{
    at_buffer out = {0};
    for (size_t i = 0; i < attrib_corpus_summarize(corpus)->n_documents; i++) {
        attrib_document document;
        attrib_sequence sequence;
        attrib_corpus_document(corpus, i, &document);
        attrib_corpus_sequence(corpus, document.first_sequence, &sequence);
        const char *name = strrchr(document.id, '/');
        assert_int_equal(at_buffer_print(&out, NULL, "%s", name ? name + 1 : document.id),
                         ATTRIB_OK);
        for (size_t t = 0; t < sequence.n_tokens; t++) {
            assert_int_equal(at_buffer_print(&out, NULL, " %d", (int)sequence.ids[t]),
                             ATTRIB_OK);
        }
        assert_int_equal(at_buffer_print(&out, NULL, "|"), ATTRIB_OK);
    }
    assert_non_null(out.bytes);
    return out.bytes;
}

static void check_documents(const char *path,
                            const attrib_corpus_options *options,
                            const char *want)
{
    attrib_corpus *corpus = must_open(path, options);
    char *got = describe(corpus);
    assert_string_equal(got, want);
    free(got);
    attrib_corpus_close(corpus);
}

/* 1. Layouts */

static attrib_token_dtype dtype_of(const json_t *file)
{
    const char *name = json_string_value(json_object_get(file, "dtype"));
    return !name                         ? ATTRIB_TOKENS_FROM_FILE
           : strcmp(name, "uint16") == 0 ? ATTRIB_TOKENS_UINT16
           : strcmp(name, "uint32") == 0 ? ATTRIB_TOKENS_UINT32
                                         : ATTRIB_TOKENS_INT32;
}

static void check_document(const attrib_corpus *corpus, size_t i, const json_t *want)
{
    attrib_document document;
    attrib_sequence sequence;
    const json_t *ids = json_object_get(want, "ids");
    attrib_corpus_document(corpus, i, &document);
    attrib_corpus_sequence(corpus, document.first_sequence, &sequence);
    assert_int_equal(document.line, i + 1);
    assert_int_equal(document.span_start,
                     json_integer_value(json_object_get(want, "start")));
    assert_int_equal(document.span_end, json_integer_value(json_object_get(want, "end")));
    assert_null(document.text);
    assert_int_equal(sequence.n_tokens, json_array_size(ids));
    for (size_t t = 0; t < sequence.n_tokens; t++) {
        assert_int_equal(sequence.ids[t], json_integer_value(json_array_get(ids, t)));
        assert_int_equal(sequence.mask[t], t > 0);
    }
}

/* Ids, masks, borders and spans of every layout are those that its writer meant. */
static void test_token_files__are_what_trainers_wrote(void **state)
{
    (void)state;
    json_t *files = json_object_get(expected, "files");
    assert_int_equal(json_object_size(files), 13);
    for (void *it = json_object_iter(files); it; it = json_object_iter_next(files, it)) {
        char path[1024];
        const json_t *documents =
            json_object_get(json_object_iter_value(it), "documents");
        attrib_corpus_options options = usual();
        snprintf(path, sizeof path, "%s/%s", source_path("tests/golden/tokens"),
                 json_object_iter_key(it));
        bool says_borders = strncmp(json_object_iter_key(it), "megatron", 8) == 0 ||
                            strcmp(json_object_iter_key(it), "rows.npy") == 0;
        options.document_end = says_borders ? NULL : "7";
        options.token_dtype = dtype_of(json_object_iter_value(it));
        attrib_corpus *corpus = must_open(path, &options);
        assert_int_equal(attrib_corpus_summarize(corpus)->n_documents,
                         json_array_size(documents));
        for (size_t i = 0; i < json_array_size(documents); i++) {
            check_document(corpus, i, json_array_get(documents, i));
        }
        attrib_corpus_close(corpus);
    }
}

/* A folder of shards is read as its files one after the other, and an index is no file of
 * its own; files that do not say what they hold are left out until options say it. */
static void test_token_files__stand_in_folders(void **state)
{
    (void)state;
    attrib_corpus_options options = usual();
    options.document_end = "7";
    options.exclude = "*.json";
    attrib_corpus *corpus = must_open(source_path("tests/golden/tokens"), &options);
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    assert_int_equal(summary.n_files, 10);
    assert_int_equal(summary.n_skipped_files, 3);
    attrib_corpus_close(corpus);
}

/* An .idx that is named reads its .bin, once. */
static void test_token_files__are_named_by_their_index(void **state)
{
    (void)state;
    char index[1024];
    char data[1024];
    const char *paths[] = {index, data};
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    attrib_document document;
    snprintf(index, sizeof index, "%s",
             source_path("tests/golden/tokens/megatron-int32.idx"));
    snprintf(data, sizeof data, "%s",
             source_path("tests/golden/tokens/megatron-int32.bin"));
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 2}, &both, NULL, &corpus, &err),
        &err);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 5);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_repeated_files, 1);
    attrib_corpus_document(corpus, 0, &document);
    assert_string_equal(document.source, data);
    attrib_corpus_close(corpus);
}

/* 2. Where documents begin and end */

static const uint16_t ids[] = {5, 2, 6, 7, 2, 2, 8, 9};

/* The tokenizer's EOS (2) ends a document; rows are cut where nothing does, or where they
 * are asked for. */
static void test_token_files__are_cut_at_the_end_of_document(void **state)
{
    (void)state;
    const char *path = at("ids.bin");
    attrib_corpus_options options = usual();
    write_file(path, ids, sizeof ids);
    options.token_dtype = ATTRIB_TOKENS_UINT16;
    check_documents(path, &options,
                    "ids.bin#document1 5 2|ids.bin#document2 6 7 2|ids.bin#document4 8 "
                    "9|"); /* the third is 2 alone */
    options.document_end = "6";
    check_documents(path, &options,
                    "ids.bin#document1 5 2 6|ids.bin#document2 7 2 2 8 9|");
    options.document_end = "5";
    check_documents(path, &options, "ids.bin#document1 5 2 6 7 2 2 8 9|");
    options.document_end = "none";
    options.context = 3;
    check_documents(path, &options,
                    "ids.bin#row1 5 2 6|ids.bin#row2 7 2 2|ids.bin#row3 8 9|");
    options.document_end = NULL;
    options.context = 64;
    options.unit = "tokens:5";
    check_documents(path, &options, "ids.bin#row1 5 2 6 7 2|ids.bin#row2 2 8 9|");
    options.unit = "line"; /* which is for texts */
    options.max_documents = 1;
    check_documents(path, &options, "ids.bin#document1 5 2|");
}

static void test_token_files__begin_with_the_mark_where_the_file_does(void **state)
{
    (void)state;
    attrib_corpus_options options = usual();
    options.token_dtype = ATTRIB_TOKENS_UINT16;
    write_file(at("first.bin"), ids + 4, sizeof ids - 4 * sizeof *ids);
    check_documents(at("first.bin"), &options, "first.bin#document2 2 8 9|");
}

/* A document longer than the context is split like any other. */
static void test_token_files__are_split_into_sequences(void **state)
{
    (void)state;
    attrib_corpus_options options = usual();
    attrib_sequence last;
    options.token_dtype = ATTRIB_TOKENS_UINT16;
    options.document_end = "9";
    options.context = 3;
    write_file(at("long.bin"), ids, sizeof ids);
    attrib_corpus *corpus = must_open(at("long.bin"), &options);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_sequences, 4);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_predicted, 7);
    attrib_corpus_sequence(corpus, 3, &last);
    assert_int_equal(last.n_tokens, 2);
    assert_int_equal(last.ids[1], 9);
    attrib_corpus_close(corpus);
}

/* 3. Faults */

static void test_token_files__refuse_ids_beyond_the_vocabulary(void **state)
{
    (void)state;
    const char *path = at("ids.bin");
    attrib_corpus_options options = usual();
    write_file(path, ids, sizeof ids);
    options.token_dtype = ATTRIB_TOKENS_UINT16;
    options.n_vocabulary = 8;
    check_refused(path, &options, ATTRIB_ERANGE,
                  "ids.bin: byte 12: id 8, the model's vocabulary has 8");
    options.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    attrib_corpus *corpus = must_open(path, &options);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 2);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_skipped_rows, 1);
    attrib_corpus_close(corpus);
    const int32_t negative[] = {3, -100, 4};
    write_file(at("negative.bin"), negative, sizeof negative);
    options = usual();
    options.token_dtype = ATTRIB_TOKENS_INT32;
    check_refused(at("negative.bin"), &options, ATTRIB_ERANGE,
                  "negative.bin: byte 4: -100, which is no token's id");
    options.token_dtype = ATTRIB_TOKENS_UINT32;
    check_refused(at("negative.bin"), &options, ATTRIB_ERANGE, "byte 4: 4294967196");
}

static void test_token_files__refuse_options_that_do_not_fit(void **state)
{
    (void)state;
    const char *const ends[] = {"", "EOS", "-1", "3x", "99999999999", "2147483648"};
    char path[1024];
    attrib_corpus_options options = usual();
    snprintf(path, sizeof path, "%s", source_path("tests/golden/tokens/nanogpt.bin"));
    check_refused(path, NULL, ATTRIB_ENOTSUP, "--token-dtype");
    options.token_dtype = ATTRIB_TOKENS_UINT32; /* of 86 bytes */
    check_refused(path, &options, ATTRIB_EFORMAT, "86 bytes are no whole number");
    snprintf(path, sizeof path, "%s", source_path("tests/golden/tokens/v1-uint16.npy"));
    check_refused(path, &options, ATTRIB_EINVAL,
                  "--token-dtype uint32, the file has uint16");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        options = usual();
        options.document_end = ends[i];
        check_refused(path, &options, ATTRIB_EINVAL, "expected a token id or none");
    }
    options = usual();
    options.n_vocabulary = 50;
    options.document_end = "50";
    check_refused(path, &options, ATTRIB_EINVAL,
                  "document end: id 50, the model's vocabulary has 50");
    write_file(at("ids.npy.gz"), "\x1f\x8b", 2);
    check_refused(at("ids.npy.gz"), NULL, ATTRIB_ENOTSUP, "compressed file of tokens");
}

/* Copy a file of the fixtures with n bytes less, or one byte changed. */
static void copy_changed(
    const char *name, const char *to, size_t n_cut, size_t place, int value)
{
    char path[1024];
    at_map map = {0};
    at_buffer bytes = {0};
    snprintf(path, sizeof path, "%s/%s", source_path("tests/golden/tokens"), name);
    check_ok(at_map_open(path, &map, NULL), NULL);
    check_ok(at_buffer_append(&bytes, map.bytes, map.n_bytes, NULL), NULL);
    assert_true(n_cut <= map.n_bytes && place < map.n_bytes);
    if (value >= 0) {
        bytes.bytes[place] = (char)value;
    }
    write_file(at(to), bytes.bytes, bytes.n_bytes - n_cut);
    at_buffer_free(&bytes);
    at_map_close(&map);
}

/* Megatron's ids of 32 bits have a sign. */
static void test_token_files__refuse_negative_ids(void **state)
{
    (void)state;
    copy_changed("megatron-int32.idx", "sign.idx", 0, 0, -1);
    copy_changed("megatron-int32.bin", "sign.bin", 0, 7, 0xff);
    check_refused(at("sign.bin"), NULL, ATTRIB_ERANGE, "sign.bin: byte 4: -");
}

/* Every file that says its own length is refused where it is cut. */
static void test_token_files__refuse_what_is_cut(void **state)
{
    (void)state;

    static const struct {
        const char *name, *to, *whole;
        size_t n_bytes;
    } files[] = {{"v1-uint16.npy", "cut.npy", NULL, 202},
                 {"llmc-gpt2.bin", "cut.bin", NULL, 1080},
                 {"megatron-int32.bin", "cut.bin", "megatron-int32.idx", 112},
                 {"megatron-int32.idx", "cut.idx", "megatron-int32.bin", 166}};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *to = strcmp(files[i].to, "cut.idx") == 0 ? "cut.bin" : files[i].to;
        unlink(at("cut.idx"));
        if (files[i].whole) {
            copy_changed(files[i].whole,
                         strcmp(to, files[i].to) == 0 ? "cut.idx" : "cut.bin", 0, 0, -1);
        }
        for (size_t n = 1; n <= files[i].n_bytes; n += n % 200 < 180 ? 1 : 57) {
            attrib_corpus *corpus = NULL;
            attrib_error err = {0};
            copy_changed(files[i].name, files[i].to, n, 0, -1);
            assert_true(open_path(at(to), NULL, &corpus, &err) != ATTRIB_OK);
            check_message(&err, to);
            assert_null(corpus);
        }
    }
}

static void test_token_files__refuse_broken_headers(void **state)
{
    (void)state;

    static const struct {
        const char *name, *to;
        size_t place;
        int value;
        attrib_status status;
        const char *message;
    } cases[] = {
        {"v1-uint16.npy", "a.npy", 6, 4, ATTRIB_EVERSION, "version 4.0"},
        {"v1-uint16.npy", "a.npy", 10, '[', ATTRIB_EFORMAT, "expected a dictionary"},
        {"v1-uint16.npy", "a.npy", 12, 'x', ATTRIB_EFORMAT, "expected the keys descr"},
        {"v1-uint16.npy", "a.npy", 21, '>', ATTRIB_ENOTSUP, "type \">u2\""},
        {"v1-uint16.npy", "a.npy", 22, 'f', ATTRIB_ENOTSUP, "type \"<f2\""},
        {"v1-uint16.npy", "a.npy", 23, '4', ATTRIB_EFORMAT, "74 bytes of elements"},
        {"llmc-gpt2.bin", "b.bin", 4, 2, ATTRIB_EVERSION, "version 2, expected 1"},
        {"llmc-gpt2.bin", "b.bin", 8, 9, ATTRIB_EFORMAT, "its header says 9 tokens"},
        {"megatron-int32.idx", "b.idx", 9, 2, ATTRIB_EVERSION, "of version 2"},
        {"megatron-int32.idx", "b.idx", 17, 7, ATTRIB_ENOTSUP, "the type 7"},
        {"megatron-int32.idx", "b.idx", 17, 0, ATTRIB_ENOTSUP, "the type 0"},
        {"megatron-int32.idx", "b.idx", 18, 6, ATTRIB_EFORMAT, "for 6 sequences"},
        {"megatron-int32.idx", "b.idx", 25, 0xff, ATTRIB_ERANGE, "overflows"},
        {"megatron-int32.idx", "b.idx", 33, 0xff, ATTRIB_ERANGE, "overflows"},
        {"megatron-int32.idx", "b.idx", 37, 0xff, ATTRIB_EFORMAT, "its .idx names"},
        {"megatron-int32.idx", "b.idx", 62, 109, ATTRIB_EFORMAT, "beyond the file's end"},
        {"megatron-int32.idx", "b.idx", 62, 17, ATTRIB_EFORMAT, "begins within a token"},
        {"megatron-int32.idx", "b.idx", 34, 1, ATTRIB_EFORMAT, "the file has 28"},
        {"megatron-int32.idx", "b.idx", 34, 9, ATTRIB_EFORMAT, "names 29 tokens"},
        {"megatron-int32.idx", "b.idx", 118, 1, ATTRIB_EFORMAT, "ends document 0"},
        {"megatron-int32.idx", "b.idx", 126, 9, ATTRIB_EFORMAT, "ends document 1 before"},
        {"megatron-int32.idx", "b.idx", 158, 6, ATTRIB_EFORMAT, "ends the last document"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool is_index = strcmp(cases[i].to, "b.idx") == 0;
        unlink(at("b.idx"));
        copy_changed(cases[i].name, cases[i].to, 0, cases[i].place, cases[i].value);
        if (is_index) {
            copy_changed("megatron-int32.bin", "b.bin", 0, 0, -1);
        }
        check_refused(at(is_index ? "b.bin" : cases[i].to), NULL, cases[i].status,
                      cases[i].message);
    }
}

/* An index of fairseq's, and one with modes of sequences, are refused by name. */
static void test_token_files__refuse_other_indexes(void **state)
{
    (void)state;
    char modes[256] = "";
    at_map map = {0};
    write_file(at("old.bin"), ids, sizeof ids);
    write_file(at("old.idx"), "TNTIDX\0\0\1\0\0\0\0\0\0\0", 16);
    check_refused(at("old.bin"), NULL, ATTRIB_ENOTSUP, "TNTIDX");
    copy_changed("megatron-int32.bin", "old.bin", 0, 0, -1);
    check_ok(
        at_map_open(source_path("tests/golden/tokens/megatron-int32.idx"), &map, NULL),
        NULL);
    memcpy(modes, map.bytes, map.n_bytes);
    at_map_close(&map);
    size_t n_sequences = (size_t)modes[18];
    write_file(at("old.idx"), modes, 166 + n_sequences);
    check_refused(at("old.bin"), NULL, ATTRIB_ENOTSUP, "more than text");
}

static void check_npy(const char *dictionary, attrib_status status, const char *message)
{
    char bytes[256] = "\x93NUMPY\1\0";
    bytes[8] = (char)strlen(dictionary);
    memcpy(bytes + 10, dictionary, strlen(dictionary));
    write_file(at("d.npy"), bytes, 10 + strlen(dictionary) + 4);
    check_refused(at("d.npy"), NULL, status, message);
}

static void test_token_files__refuse_other_arrays(void **state)
{
    (void)state;
    check_npy("{'descr': '<u2', 'fortran_order': False, 'shape': (1, 2, 1), }",
              ATTRIB_ENOTSUP, "3 dimensions");
    check_npy("{'descr': '<u2', 'fortran_order': False, 'shape': (), }", ATTRIB_ENOTSUP,
              "0 dimensions");
    check_npy("{'descr': '<u2', 'fortran_order': True, 'shape': (1, 2), }",
              ATTRIB_ENOTSUP, "Fortran's order");
    check_npy("{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (2,), }",
              ATTRIB_ENOTSUP, "records");
    check_npy("{'descr': '<u2', 'fortran_order': False}", ATTRIB_EFORMAT, "keys descr");
    check_npy("{'descr': '<u2', 'fortran_order': None, 'shape': (2,)}", ATTRIB_EFORMAT,
              "True or False");
    check_npy("{'descr': '<u2', 'fortran_order': False, 'shape': (-2,)}", ATTRIB_EFORMAT,
              "expected a size");
    check_npy("{'descr': '<u2', 'fortran_order': False, 'shape': (2,)} x", ATTRIB_EFORMAT,
              "nothing after");
    check_npy("{'descr': '<u2', 'fortran_order': False, 'shape': "
              "(4294967296, 4294967296), }",
              ATTRIB_ERANGE, "overflows");
    check_npy("{'descr': '<u2', 'fortran_order': False, 'shape': "
              "(99999999999999999999,)}",
              ATTRIB_ERANGE, "overflows");
    check_npy("{'descr': '<u2", ATTRIB_EFORMAT, "the end of a string");
}

/* A document that no border ends grows only as far as the limit holds it. */
static void test_token_files__long_documents_are_held_to_the_limit(void **state)
{
    (void)state;
    const size_t n = 3 * ((size_t)1 << 20);
    uint16_t *fives = malloc(n * sizeof *fives);
    attrib_corpus_options options = usual();
    assert_non_null(fives);
    for (size_t i = 0; i < n; i++) {
        fives[i] = 5;
    }
    write_file(at("endless.bin"), fives, n * sizeof *fives);
    options.token_dtype = ATTRIB_TOKENS_UINT16;
    options.document_end = "6";
    options.ram_limit = (size_t)4 << 20; /* less than the program itself */
    check_refused(at("endless.bin"), &options, ATTRIB_ERANGE,
                  "endless.bin: byte 0: a document of more than 1048576 tokens, which "
                  "begins here, does not fit a limit of 4 MiB");
    options.ram_limit = (size_t)1 << 33;
    attrib_corpus *corpus = must_open(at("endless.bin"), &options);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_tokens, n);
    attrib_corpus_close(corpus);
    free(fives);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_files__long_documents_are_held_to_the_limit),
        cmocka_unit_test(test_token_files__are_what_trainers_wrote),
        cmocka_unit_test(test_token_files__stand_in_folders),
        cmocka_unit_test(test_token_files__are_named_by_their_index),
        cmocka_unit_test(test_token_files__are_cut_at_the_end_of_document),
        cmocka_unit_test(test_token_files__begin_with_the_mark_where_the_file_does),
        cmocka_unit_test(test_token_files__are_split_into_sequences),
        cmocka_unit_test(test_token_files__refuse_ids_beyond_the_vocabulary),
        cmocka_unit_test(test_token_files__refuse_options_that_do_not_fit),
        cmocka_unit_test(test_token_files__refuse_negative_ids),
        cmocka_unit_test(test_token_files__refuse_what_is_cut),
        cmocka_unit_test(test_token_files__refuse_broken_headers),
        cmocka_unit_test(test_token_files__refuse_other_indexes),
        cmocka_unit_test(test_token_files__refuse_other_arrays),
    };
    return run_cases(tests, set_up, tear_down);
}
