/* SPDX-License-Identifier: MIT */
/* Every allocation of the tokenizer fails in turn: ATTRIB_ENOMEM, nothing leaked (under
 * ASan), outputs untouched. The linker puts these functions before libc's; the libraries'
 * own allocations are spared. */
#include <stdlib.h>
#include <string.h>

#include "support/oom.h"
#include "support_tokenizer.h"
#include "tokenizer/tokenizer_internal.h"

#define MARK "\xE2\x96\x81"

/* Every kind of stage that allocates. */
static const char json[] =
    "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{"
    "\"type\":"
    "\"Lowercase\"},{\"type\":\"Prepend\",\"prepend\":\"" MARK
    "\"},{\"type\":\"Replace\","
    "\"pattern\":{\"Regex\":\" \"},\"content\":\"" MARK
    "\"}]},\"pre_tokenizer\":{\"type\":"
    "\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"String\":\",\"},"
    "\"behavior\":\"MergedWithNext\"},{\"type\":\"Metaspace\",\"replacement\":\"" MARK
    "\"}]},\"model\":{\"type\":\"BPE\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a\":1,"
    "\"b\":2,\"ab\":3,\"" MARK "\":4},\"merges\":[\"a b\"]},\"added_tokens\":[{\"id\":5,"
    "\"content\":\"<s>\",\"special\":true},{\"id\":6,\"content\":\"New\"}],"
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{"
    "\"id\":\"<s>\"}},{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"<s>\"}}],"
    "\"special_tokens\":{\"<s>\":{\"ids\":[5]}}},\"decoder\":{\"type\":\"Sequence\","
    "\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"" MARK "\"},"
    "\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"ByteLevel\"},{\"type\":"
    "\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]}}";

/* A unigram model with an unknown character, behind a map of nothing: 256 empty units,
 * 1,028 bytes of zeros but for the second. */
static char *make_unigram_json(void)
{
    char map[1373];
    char *out = NULL;
    memset(map, 'A', sizeof map);
    map[2] = 'Q';
    map[1371] = '=';
    map[1372] = '\0';
    int n = asprintf(&out,
                     "{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":"
                     "\"%s\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"use_regex\":"
                     "false},\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":"
                     "[[\"?\",0],[\"a\",-1],[\"ab\",-1.5]]}}",
                     map);
    assert_true(n > 0);
    return out;
}

static const char text[] =
    "ab, E\xCC\x81 abNEW<s>ababababababababababababababababababababab"
    "ababababababababababababababababababababababababababab";

/* Run `work` with the k-th allocation failing, for every k until it succeeds. */
static void fail_each(attrib_status (*work)(void *context, attrib_error *err),
                      void *context)
{
    for (size_t k = 0;; k++) {
        attrib_error err = {0};
        assert_true(k < 100000);
        oom_n_left = k;
        attrib_status status = work(context, &err);
        oom_n_left = SIZE_MAX;
        if (status == ATTRIB_OK) {
            assert_true(k > 3);
            return;
        }
        check_fails(status, ATTRIB_ENOMEM, &err);
    }
}

static attrib_status parse(void *context, attrib_error *err)
{
    const char *parsed = context;
    attrib_tokenizer *tokenizer = NULL;
    attrib_status status =
        at_tokenizer_parse("t", parsed, strlen(parsed), &tokenizer, err);
    if (status != ATTRIB_OK) {
        assert_null(tokenizer);
    }
    attrib_tokenizer_close(tokenizer);
    return status;
}

static attrib_status encode(void *context, attrib_error *err)
{
    int32_t *ids = NULL;
    size_t n = 0;
    attrib_status status = attrib_tokenizer_encode(
        context, (attrib_text){text, sizeof text - 1}, true, &ids, &n, err);
    if (status != ATTRIB_OK) {
        assert_null(ids);
    }
    free(ids);
    return status;
}

static attrib_status decode(void *context, attrib_error *err)
{
    static const int32_t ids[] = {5, 4, 3, 1, 0, 6};
    char *decoded = NULL;
    size_t n = 0;
    attrib_status status =
        attrib_tokenizer_decode(context, (attrib_ids){ids, 6}, false, &decoded, &n, err);
    if (status != ATTRIB_OK) {
        assert_null(decoded);
    }
    free(decoded);
    return status;
}

static void test_tokenizer_oom__every_allocation_may_fail(void **state)
{
    (void)state;
    char *copy = strdup(json);
    fail_each(parse, copy);
    free(copy);
    attrib_tokenizer *tokenizer = parse_tokenizer(json);
    fail_each(encode, tokenizer);
    fail_each(decode, tokenizer);
    attrib_tokenizer_close(tokenizer);
}

static void test_tokenizer_oom__unigram(void **state)
{
    (void)state;
    char *made = make_unigram_json();
    fail_each(parse, made);
    attrib_tokenizer *tokenizer = parse_tokenizer(made);
    free(made);
    fail_each(encode, tokenizer);
    attrib_tokenizer_close(tokenizer);
}

static attrib_status put_nothing(
    void *context, const char *bytes, size_t n, bool is_said, attrib_error *err)
{
    (void)context;
    (void)bytes;
    (void)n;
    (void)is_said;
    (void)err;
    return ATTRIB_OK;
}

static attrib_status write_chat(void *context, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *json_messages = context;
    attrib_tokenizer *tokenizer = NULL;
    at_chat *chat = NULL;
    static const char source[] =
        "{% macro f(x) %}{{ x | trim | upper }}{% endmacro %}{% set ns = namespace(n=[]) "
        "%}"
        "{% for m in messages %}{% set ns.n = ns.n + [m.role] %}<|im_start|>{{ m['role'] "
        "~ "
        "'\n' + f(m['content']) + '<|im_end|>\n' }}{% endfor %}{{ ns.n | join(',') }}{{ "
        "messages | tojson }}{{ strftime_now('%Y') }}{% if add_generation_prompt %}{% "
        "set p "
        "%}<|im_start|>assistant\n{% endset %}{{ p }}{% endif %}";
    at_chat_message messages[2];
    for (size_t i = 0; i < 2; i++) {
        messages[i] = (at_chat_message){json_array_get(json_messages, i), false};
    }
    AT_TRY(at_tokenizer_parse("json", json, sizeof json - 1, &tokenizer, err));
    AT_TRY(at_tokenizer_take_chat_template(tokenizer, source, sizeof source - 1, err));
    AT_TRY(at_chat_open(tokenizer, NULL, "2026-11-30", &chat, err));
    AT_TRY(at_chat_write(chat, &(at_chat_conversation){.messages = messages, .n = 2},
                         (at_chat_sink){NULL, put_nothing}, err));
done:
    at_chat_close(chat);
    attrib_tokenizer_close(tokenizer);
    return status;
}

static void test_tokenizer_oom__writing_a_conversation(void **state)
{
    (void)state;
    json_t *messages = json_pack("[{ss ss}, {ss ss}]", "role", "user", "content", " b ",
                                 "role", "assistant", "content", "c");
    fail_each(write_chat, messages);
    json_decref(messages);
}

static attrib_status open_gguf(void *context, attrib_error *err)
{
    attrib_tokenizer *tokenizer = NULL;
    attrib_status status = at_tokenizer_from_gguf(context, &tokenizer, err);
    assert_true((status == ATTRIB_OK) == (tokenizer != NULL));
    attrib_tokenizer_close(tokenizer);
    return status;
}

static void check_gguf(const char *name)
{
    attrib_error err = {0};
    at_gguf *gguf = NULL;
    check_ok(at_gguf_open(source_path(name), AT_GGUF_HEADER, &gguf, &err), &err);
    fail_each(open_gguf, gguf);
    at_gguf_close(gguf);
}

static void test_tokenizer_oom__gguf(void **state)
{
    (void)state;
    check_gguf("tests/fuzz/corpora/gguf_tokenizer/llama-chat");
    check_gguf("tests/fuzz/corpora/gguf_tokenizer/gpt2-qwen2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokenizer_oom__every_allocation_may_fail),
        cmocka_unit_test(test_tokenizer_oom__unigram),
        cmocka_unit_test(test_tokenizer_oom__writing_a_conversation),
        cmocka_unit_test(test_tokenizer_oom__gguf),
    };
    return run_cases(tests, NULL, NULL);
}
