/* SPDX-License-Identifier: MIT */
/* One tokenizer, several threads: every text's ids are those that one thread gives. */
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "support_tokenizer.h"

typedef struct texts {
    const attrib_tokenizer *tokenizer;
    const json_t *list;
    uint64_t *sums; /* of each text's ids and decoded bytes, weighted by place */
} texts;

static attrib_status encode_one(void *context,
                                size_t i_worker,
                                size_t i_block,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    texts *t = context;
    const json_t *text = json_array_get(t->list, i_block);
    int32_t *ids = NULL;
    size_t n = 0;
    char *decoded = NULL;
    size_t n_decoded = 0;
    uint64_t sum = 0;
    (void)i_worker;
    AT_TRY(attrib_tokenizer_encode(
        t->tokenizer, (attrib_text){json_string_value(text), json_string_length(text)},
        true, &ids, &n, err));
    AT_TRY(attrib_tokenizer_decode(t->tokenizer, (attrib_ids){ids, n}, false, &decoded,
                                   &n_decoded, err));
    for (size_t i = 0; i < n; i++) {
        sum = sum * 31 + (uint64_t)ids[i];
    }
    for (size_t i = 0; i < n_decoded; i++) {
        sum = sum * 31 + (unsigned char)decoded[i];
    }
    t->sums[i_block] = sum;
done:
    free(ids);
    free(decoded);
    return status;
}

static void encode_all(size_t n_threads, texts *t, size_t n)
{
    attrib_error err = {0};
    attrib_session_options options;
    attrib_session *session = NULL;
    attrib_session_options_default(&options);
    options.n_threads = n_threads;
    check_ok(attrib_session_new(&options, &session, &err), &err);
    check_ok(at_parallel_for(session, n, encode_one, t, &err), &err);
    attrib_session_free(session);
}

static void test_threads__a_tokenizer_may_be_shared(void **state)
{
    (void)state;
    static const char *const names[] = {"tests/golden/tokenizer/split_sequence.json",
                                        "tests/golden/tokenizer/byte_fallback.json",
                                        "tests/golden/tokenizer/metaspace.json"};
    json_t *list = load_json(source_path("tests/golden/tokenizer/texts.json"));
    texts t = {.list = json_object_get(list, "texts")};
    size_t n = json_array_size(t.list);
    assert_true(n > 200);
    uint64_t *one = calloc(n, sizeof *one);
    uint64_t *four = calloc(n, sizeof *four);
    assert_non_null(one);
    assert_non_null(four);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *golden = load_json(source_path(names[i]));
        attrib_tokenizer *tokenizer =
            parse_tokenizer_value(json_object_get(golden, "tokenizer"));
        t.tokenizer = tokenizer;
        t.sums = one;
        encode_all(1, &t, n);
        t.sums = four;
        encode_all(4, &t, n);
        assert_memory_equal(one, four, n * sizeof *one);
        attrib_tokenizer_close(tokenizer);
        json_decref(golden);
    }
    free(one);
    free(four);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads__a_tokenizer_may_be_shared),
    };
    return run_cases(tests, NULL, NULL);
}
