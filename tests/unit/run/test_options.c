/* SPDX-License-Identifier: MIT */
/* The table of the options of scoring, and the manifest that keeps them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "run/run.h"
#include "support/check.h"
#include "support/scratch.h"

static const attrib_option *find(const char *name)
{
    const attrib_option *o =
        at_options_find(attrib_score_options_table(), name, strlen(name));
    assert_non_null(o);
    return o;
}

static void check_word(const char *option, int i, const char *name)
{
    size_t n = 0;
    const char *word = at_option_word(find(option), i, &n);
    assert_non_null(word);
    assert_int_equal(n, strlen(name));
    assert_memory_equal(word, name, n);
}

static void test_options__words_are_the_names_of_values(void **state)
{
    (void)state;
    size_t n = 0;
    for (int i = 0; i <= ATTRIB_NORMALIZE_UNIT; i++) {
        check_word("normalize", i, attrib_normalize_name((attrib_normalize)i));
    }
    for (int i = 0; i <= ATTRIB_REFINE_LISSA; i++) {
        check_word("refine", i, attrib_refine_name((attrib_refine)i));
    }
    for (int i = 0; i <= ATTRIB_SCALE_GAUSS_NEWTON; i++) {
        check_word("scale", i, attrib_scale_name((attrib_scale)i));
    }
    for (int i = 0; i <= ATTRIB_TOKENS_INPUT; i++) {
        check_word("token-kind", i, attrib_token_kind_name((attrib_token_kind)i));
    }
    assert_string_equal(attrib_normalize_name(ATTRIB_NORMALIZE_NATS), "nats");
    assert_string_equal(attrib_normalize_name(ATTRIB_NORMALIZE_UNIT), "unit");
    assert_string_equal(attrib_refine_name(ATTRIB_REFINE_CG), "cg");
    assert_string_equal(attrib_refine_name(ATTRIB_REFINE_ASTRA), "astra");
    assert_string_equal(attrib_refine_name(ATTRIB_REFINE_LISSA), "lissa");
    assert_string_equal(attrib_scale_name(ATTRIB_SCALE_GAUSS_NEWTON), "gauss-newton");
    assert_string_equal(attrib_token_kind_name(ATTRIB_TOKENS_OUTPUT), "output");
    assert_string_equal(attrib_token_kind_name(ATTRIB_TOKENS_INPUT), "input");
    assert_null(at_option_word(find("normalize"), ATTRIB_NORMALIZE_UNIT + 1, &n));
    assert_null(at_option_word(find("refine"), ATTRIB_REFINE_LISSA + 1, &n));
    assert_null(at_option_word(find("scale"), ATTRIB_SCALE_GAUSS_NEWTON + 1, &n));
    assert_null(at_option_word(find("token-kind"), ATTRIB_TOKENS_INPUT + 1, &n));
    for (int i = ATTRIB_EKFAC; i <= ATTRIB_OPTIMIZER_ROOT; i++) {
        const char *name = attrib_strategy_name((attrib_strategy)i);
        assert_memory_equal(at_option_word(&find("settings")->rows[0], i, &n), name,
                            strlen(name));
    }
    assert_null(
        at_option_word(&find("settings")->rows[0], ATTRIB_OPTIMIZER_ROOT + 1, &n));
    assert_memory_equal(at_option_word(find("split"), ATTRIB_SPLIT_MODULE, &n), "module",
                        6);
}

static void test_options__table_covers_the_struct(void **state)
{
    (void)state;
    check_table_covers(attrib_score_options_table(), sizeof(attrib_score_options),
                       offsetof(attrib_score_options, command));
}

/* A run goes on in a folder only where all that its files depend on is the same; how many
 * documents are reported, by how much memory, is found anew from them. */
static void test_options__identity_is_of_what_files_depend_on(void **state)
{
    (void)state;

    const struct {
        const char *name, *other;
        bool is_identity;
    } cases[] = {
        {"query-rank", "auto", false}, /* the rank that was chosen stands for it */
        {"max-rescored", "1", false},
        {"precision", "bf16", true},
        {"no-settle", NULL, false}, /* documents that are reported are found anew */
        {"split", "layer", true},
        {"ram-limit", "1G", false},
        {"normalize", "nats", true},
        {"modules", "all", false},      /* the maps that were found stand for it */
        {"max-new-tokens", "7", false}, /* what the model wrote stands for it */
        {"top", "11", false},
        {"token-kind", "output", false}, /* explanations are made anew */
        {"aggregate", "kind", false},    /* and the sums for this */
        {"tokens", NULL, true},
        {"self", NULL, true},
        {"prefilter", "tfidf:7", true},
        {"prefilter-sample", "9", true},
        {"refine", "cg", true},
        {"refine-documents", "7", true},
        {"refine-steps", "7", true},
        {"refine-damping", "7", true},
        {"scale", "gauss-newton", true},
        {"segments", "500@1e-3", true},
        {"segment-loss", "sequence", true},
        {"over-documents", NULL, true},
    };

    const size_t n_cases = sizeof cases / sizeof *cases;
    attrib_score_options options;
    char usual[33];
    char other[33];
    size_t n_rows = 0;
    attrib_score_options_default(&options);
    check_ok(attrib_options_hash(attrib_score_options_table(), &options, usual, NULL),
             NULL);
    for (size_t i = 0; i < n_cases; i++) {
        attrib_score_options_default(&options);
        check_ok(attrib_option_read(find(cases[i].name), cases[i].other, &options, NULL),
                 NULL);
        check_ok(attrib_options_hash(attrib_score_options_table(), &options, other, NULL),
                 NULL);
        assert_int_equal(strcmp(usual, other) != 0, cases[i].is_identity);
    }
    for (size_t i = 0; i < 5; i++) {
        attrib_score_options_default(&options);
        options.n_settings += i == 0;
        options.settings[0].layer = i == 4 ? 3 : ATTRIB_LAYER_LAST;
        options.settings[0].strategy = i == 1 ? ATTRIB_KFAC : ATTRIB_EKFAC;
        options.settings[0].damping = i == 2 ? 0.2 : 0.1;
        options.settings[0].is_damping_absolute = i == 3;
        check_ok(attrib_options_hash(attrib_score_options_table(), &options, other, NULL),
                 NULL);
        assert_string_not_equal(usual, other);
    }
    while (attrib_score_options_table()[n_rows].name) {
        n_rows++;
    }
    assert_int_equal(n_rows, n_cases + 1); /* and the settings */
}

/* A run of one query and two documents, with options that all are not the default. */
static attrib_run sample(void)
{
    attrib_run run = {.info = {.n_queries = 1,
                               .n_documents = 2,
                               .n_answers = 2,
                               .model_hash = "",
                               .corpus_hash = "",
                               .factors_hash = "",
                               .kernels = "",
                               .command = "attrib score",
                               .folder = folder},
                      .options = {.settings = {{ATTRIB_KFAC, 0.3, true, 0},
                                               {ATTRIB_DIAGONAL, 1e-9, false, 0}},
                                  .n_settings = 2,
                                  .query_rank = ATTRIB_RANK_AUTO,
                                  .max_rescored = 9,
                                  .precision = ATTRIB_BF16_PRODUCTS,
                                  .is_unsettled = true,
                                  .split = ATTRIB_SPLIT_LAYER,
                                  .normalize = ATTRIB_NORMALIZE_NATS,
                                  .aggregate = "caf\xC3\xA9",
                                  .with_self = true,
                                  .with_tokens = true,
                                  .ram_limit = (size_t)1 << 33,
                                  .max_new_tokens = 33,
                                  .top = 3,
                                  .modules = "attention,head",
                                  .refine = ATTRIB_REFINE_ASTRA,
                                  .refine_documents = 7,
                                  .refine_steps = 8,
                                  .refine_damping = 2.5,
                                  .scale = ATTRIB_SCALE_GAUSS_NEWTON},
                      .n_tile = 1};
    at_hash_bytes("run", 3, run.identity);
    return run;
}

static attrib_status read_manifest(attrib_run *out, attrib_error *err)
{
    *out = (attrib_run){.info.folder = folder};
    check_ok(at_arena_new(&out->bank, err), err);
    return at_run_manifest_read(out, err);
}

/* Byte for byte but for texts, which have the same characters. */
static void check_same(const attrib_score_options *a, const attrib_score_options *b)
{
    attrib_score_options left = *a;
    attrib_score_options right = *b;
    for (const attrib_option *o = attrib_score_options_table(); o->name; o++) {
        if (o->kind == ATTRIB_OPTION_TEXT) {
            const char **of_a = at_option_field(o, &left);
            const char **of_b = at_option_field(o, &right);
            assert_true(!*of_a == !*of_b);
            if (*of_a) {
                assert_string_equal(*of_a, *of_b);
            }
        }
    }
    assert_int_equal(left.n_settings, right.n_settings);
    for (size_t s = 0; s < left.n_settings; s++) {
        assert_int_equal(left.settings[s].strategy, right.settings[s].strategy);
        assert_true(left.settings[s].damping == right.settings[s].damping);
        assert_int_equal(left.settings[s].is_damping_absolute,
                         right.settings[s].is_damping_absolute);
    }
    assert_true(left.query_rank == right.query_rank);
    assert_int_equal(left.max_rescored, right.max_rescored);
    assert_int_equal(left.precision, right.precision);
    assert_int_equal(left.is_unsettled, right.is_unsettled);
    assert_int_equal(left.split, right.split);
    assert_int_equal(left.normalize, right.normalize);
    assert_int_equal(left.with_self, right.with_self);
    assert_int_equal(left.with_tokens, right.with_tokens);
    assert_int_equal(left.ram_limit, right.ram_limit);
    assert_int_equal(left.top, right.top);
    assert_int_equal(left.max_new_tokens, right.max_new_tokens);
    assert_int_equal(left.refine, right.refine);
    assert_int_equal(left.refine_documents, right.refine_documents);
    assert_int_equal(left.refine_steps, right.refine_steps);
    assert_true(left.refine_damping == right.refine_damping);
    assert_int_equal(left.scale, right.scale);
}

static void test_options__manifest_keeps_all_of_them(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_run out;
    attrib_run run = sample();
    check_ok(at_run_manifest_write(&run, &err), &err);
    check_ok(read_manifest(&out, &err), &err);
    check_same(&out.options, &run.options);
    assert_string_equal(out.options.command, "attrib score");
    at_arena_free(out.bank);

    attrib_score_options_default(&run.options);
    run.info.n_answers = 1;
    check_ok(at_run_manifest_write(&run, &err), &err);
    check_ok(read_manifest(&out, &err), &err);
    check_same(&out.options, &run.options);
    at_arena_free(out.bank);
}

/* Write the manifest of sample() with one value changed: in its options, or where
 * `is_outside` next to them. */
static void change(const char *key, bool is_outside, const msgpack_object *value)
{
    attrib_error err = {0};
    attrib_run run = sample();
    at_record record = {0};
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    char path[300];
    check_ok(at_run_manifest_write(&run, &err), &err);
    snprintf(path, sizeof path, "%s/" AT_RUN_MANIFEST, folder);
    check_ok(at_record_read(path, &record, &err), &err);
    const msgpack_object *map =
        is_outside ? &record.map : at_record_find(&record.map, "options");
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (pair->key.via.str.size == strlen(key) &&
            memcmp(pair->key.via.str.ptr, key, strlen(key)) == 0) {
            if (value) {
                pair->val = *value;
            } else {
                pair->key.via.str.ptr = "xxxxxxxxxxxxxxxxxxx";
            }
        }
    }
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    assert_int_equal(msgpack_pack_object(&packer, record.map), 0);
    check_ok(at_record_write(path, &bytes, &err), &err);
    msgpack_sbuffer_destroy(&bytes);
    at_record_free(&record);
}

static void check_refused(attrib_status expected, const char *message)
{
    attrib_error err = {0};
    attrib_run out;
    check_fails(read_manifest(&out, &err), expected, &err);
    check_message(&err, AT_RUN_MANIFEST);
    check_message(&err, message);
    at_arena_free(out.bank);
}

static msgpack_object whole(uint64_t value)
{
    return (msgpack_object){.type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = value};
}

static msgpack_object text(const char *value, uint32_t n)
{
    return (msgpack_object){.type = MSGPACK_OBJECT_STR, .via.str = {n, value}};
}

static void test_options__manifest_of_an_older_version_is_refused(void **state)
{
    (void)state;
    msgpack_object old = whole(3);
    change("version", true, &old);
    check_refused(ATTRIB_EVERSION, "version 3, expected 11");
}

static void test_options__manifest_is_refused_by_name(void **state)
{
    (void)state;
    msgpack_object map = {.type = MSGPACK_OBJECT_MAP};
    msgpack_object maps[17];
    for (size_t i = 0; i < 17; i++) {
        maps[i] = map;
    }

    const struct {
        const char *key;
        msgpack_object value;
        const char *message;
    } cases[] = {
        {"query-rank", whole(1000001), "option query-rank: 1000001 is not in [1, 1"},
        {"query-rank", text("some", 4), "option query-rank: \"some\" is not full, auto"},
        {"top", text("10", 2), "option \"top\": expected a whole number"},
        {"top", whole(0), "option top: 0 is not in [1,"},
        {"split", text("maps", 4), "option split: \"maps\" is not one of none|kind|"},
        {"split", whole(1), "option \"split\": expected text"},
        {"self", whole(1), "option \"self\": expected true or false"},
        {"aggregate", text("a\0b", 3), "option \"aggregate\": expected text"},
        {"aggregate", whole(1), "option \"aggregate\": expected text"},
        {"modules", (msgpack_object){.type = MSGPACK_OBJECT_MAP},
         "option \"modules\": expected text"},
        {"settings", whole(1), "option \"settings\": expected at most 16 maps"},
        {"settings",
         {.type = MSGPACK_OBJECT_ARRAY, .via.array = {17, maps}},
         "option \"settings\": expected at most 16 maps"},
        {"settings",
         {.type = MSGPACK_OBJECT_ARRAY, .via.array = {0, maps}},
         "option settings: 0 is not in [1, 16]"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        change(cases[i].key, false, &cases[i].value);
        check_refused(ATTRIB_EFORMAT, cases[i].message);
    }
    change("max-rescored", false, NULL);
    check_refused(ATTRIB_EFORMAT, "option \"xxxxxxxxxxxx\" is not known");
    change("options", true, NULL);
    check_refused(ATTRIB_EFORMAT, "no options");
    change("options", true, &cases[0].value);
    check_refused(ATTRIB_EFORMAT, "options, expected a map");
}

/* An option that a manifest does not name has its default. */
static void test_options__manifest_without_an_option_has_its_default(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_run out;
    msgpack_object map = {.type = MSGPACK_OBJECT_MAP};
    change("options", true, &map);
    check_ok(read_manifest(&out, &err), &err);
    attrib_score_options expected;
    attrib_score_options_default(&expected);
    check_same(&out.options, &expected);
    at_arena_free(out.bank);
}

#define with_folder(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_set_up, scratch_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options__words_are_the_names_of_values),
        cmocka_unit_test(test_options__table_covers_the_struct),
        cmocka_unit_test(test_options__identity_is_of_what_files_depend_on),
        with_folder(test_options__manifest_keeps_all_of_them),
        with_folder(test_options__manifest_of_an_older_version_is_refused),
        with_folder(test_options__manifest_is_refused_by_name),
        with_folder(test_options__manifest_without_an_option_has_its_default),
    };
    return run_cases(tests, NULL, NULL);
}
