/* SPDX-License-Identifier: MIT */
#include "support_tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/tokenizer_internal.h"

attrib_tokenizer *parse_tokenizer(const char *json)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    check_ok(at_tokenizer_parse("test.json", json, strlen(json), &tokenizer, &err), &err);
    assert_non_null(tokenizer);
    return tokenizer;
}

attrib_tokenizer *parse_tokenizer_value(const json_t *value)
{
    char *json = json_dumps(value, 0);
    assert_non_null(json);
    attrib_tokenizer *tokenizer = parse_tokenizer(json);
    free(json);
    return tokenizer;
}

attrib_tokenizer *parse_with_members(const char *members)
{
    char json[4096];
    int n = snprintf(
        json, sizeof json,
        "{\"model\":{\"type\":\"BPE\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a\":1,"
        "\"b\":2,\"c\":3,\"ab\":4,\"abc\":5,\" \":6,\"\xE2\x96\x81\":7,\"\xE2\x96\x81"
        "a\":8,\"\xC3\xA9\":9,\"e\":10,\"1\":11,\"2\":12,\".\":13},\"merges\":[\"a b\","
        "\"ab c\",\"\xE2\x96\x81 a\"]}%s}",
        members);
    assert_true(n > 0 && (size_t)n < sizeof json);
    return parse_tokenizer(json);
}

json_t *load_json(const char *path)
{
    json_error_t error;
    json_t *value = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!value) {
        fail_msg("%s: line %d: %s", path, error.line, error.text);
    }
    return value;
}

static void print_ids(const char *what, const int32_t *ids, size_t n)
{
    print_error("%s:", what);
    for (size_t i = 0; i < n; i++) {
        print_error(" %d", (int)ids[i]);
    }
    print_error("\n");
}

static void check_bytes_ids(const attrib_tokenizer *tokenizer,
                            const char *text,
                            size_t n_bytes,
                            bool add_special,
                            const int32_t *want,
                            size_t n)
{
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n_ids = 0;
    check_ok(attrib_tokenizer_encode(tokenizer, (attrib_text){text, n_bytes}, add_special,
                                     &ids, &n_ids, &err),
             &err);
    if (n_ids != n || (n && memcmp(ids, want, n * sizeof *ids) != 0)) {
        print_error("text: \"%.*s\"\n", (int)n_bytes, text);
        print_ids("got", ids, n_ids);
        print_ids("want", want, n);
        fail();
    }
    free(ids);
}

static int32_t *ids_of(const json_t *array, size_t *n)
{
    *n = json_array_size(array);
    int32_t *ids = malloc((*n + 1) * sizeof *ids);
    assert_non_null(ids);
    for (size_t i = 0; i < *n; i++) {
        assert_true(json_is_integer(json_array_get(array, i)));
        ids[i] = (int32_t)json_integer_value(json_array_get(array, i));
    }
    return ids;
}

void check_ids(const attrib_tokenizer *tokenizer,
               const json_t *text,
               bool add_special,
               const json_t *ids)
{
    size_t n = 0;
    int32_t *want = ids_of(ids, &n);
    assert_true(json_is_string(text));
    check_bytes_ids(tokenizer, json_string_value(text), json_string_length(text),
                    add_special, want, n);
    free(want);
}

void check_text_ids(const attrib_tokenizer *tokenizer,
                    const char *text,
                    const int32_t *ids,
                    size_t n)
{
    check_bytes_ids(tokenizer, text, strlen(text), false, ids, n);
}

void check_decoded(const attrib_tokenizer *tokenizer,
                   const json_t *ids,
                   bool skip_special,
                   const json_t *text)
{
    attrib_error err = {0};
    size_t n = 0;
    int32_t *numbers = ids_of(ids, &n);
    char *got = NULL;
    size_t n_got = 0;
    check_ok(attrib_tokenizer_decode(tokenizer, (attrib_ids){numbers, n}, skip_special,
                                     &got, &n_got, &err),
             &err);
    assert_true(json_is_string(text));
    if (n_got != json_string_length(text) ||
        memcmp(got, json_string_value(text), n_got) != 0) {
        fail_msg("decoded \"%s\", expected \"%s\"", got, json_string_value(text));
    }
    assert_int_equal(got[n_got], 0);
    free(got);
    free(numbers);
}

void check_pieces(const attrib_tokenizer *tokenizer,
                  const char *text,
                  size_t n,
                  const char *prefix)
{
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n_ids = 0;
    size_t at = 0;
    size_t n_prefix = strlen(prefix);
    check_ok(attrib_tokenizer_encode(tokenizer, (attrib_text){text, n}, false, &ids,
                                     &n_ids, &err),
             &err);
    for (size_t i = 0; i < n_ids; i++) {
        size_t n_piece = 0;
        const char *piece = attrib_tokenizer_piece(tokenizer, ids[i], &n_piece);
        for (size_t j = 0; j < n_piece; j++, at++) {
            assert_true(at < n_prefix + n);
            assert_int_equal(piece[j], at < n_prefix ? prefix[at] : text[at - n_prefix]);
        }
    }
    assert_int_equal(at, n_prefix + n);
    free(ids);
}

char *read_asset(const char *name)
{
    FILE *stream = fopen(asset_path(name), "rb");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, 0, SEEK_END), 0);
    long n = ftell(stream);
    assert_true(n >= 0);
    rewind(stream);
    char *text = malloc((size_t)n + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)n, stream), n);
    text[n] = '\0';
    fclose(stream);
    return text;
}

/* The ids of one line of numbers. */
static json_t *ids_of_line(const char *line, size_t n)
{
    json_t *ids = json_array();
    const char *end = line + n;
    while (line < end) {
        char *stop = NULL;
        long id = strtol(line, &stop, 10);
        if (stop == line || stop > end) {
            break;
        }
        json_array_append_new(ids, json_integer(id));
        line = stop;
    }
    return ids;
}

/* llama.cpp's 46 inputs (and an empty one), against a file of a line of ids each. */
void check_llamacpp(const char *tokenizer_name, const char *expected_name)
{
    static const char separator[] = "\n__ggml_vocab_test__\n";
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    check_ok(attrib_tokenizer_open(asset_path(tokenizer_name), &tokenizer, &err), &err);
    char *inputs = read_asset("tokenizers/ggml-vocab-gpt-2.gguf.inp");
    char *expected = read_asset(expected_name);
    const char *line = expected;
    size_t n_checked = 0;
    for (const char *input = inputs; input; n_checked++) {
        const char *stop = strstr(input, separator);
        size_t n = stop ? (size_t)(stop - input) : strlen(input);
        size_t n_line = strcspn(line, "\n");
        json_t *text = json_stringn(input, n);
        json_t *ids = ids_of_line(line, n_line);
        check_ids(tokenizer, text, false, ids);
        json_decref(text);
        json_decref(ids);
        line += n_line + (line[n_line] == '\n');
        input = stop ? stop + sizeof separator - 1 : NULL;
    }
    assert_true(n_checked >= 46);
    free(inputs);
    free(expected);
    attrib_tokenizer_close(tokenizer);
}
