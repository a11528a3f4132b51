/* SPDX-License-Identifier: MIT */
/* "{...}": a tokenizer.json, a NUL byte, and a text for it. Anything else: the first byte
 * chooses one of the stages below on a vocabulary of all bytes, and the rest is the text.
 * What is encoded must have ids of the vocabulary, and must decode; where the stages lose
 * nothing, the pieces joined are the text. */
#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"
#include "tokenizer/characters.h"
#include "tokenizer/tokenizer_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MARK "\xE2\x96\x81"

/* Members next to the model; `keeps` those that change no byte of a text. */
static const struct {
    const char *members;
    bool keeps;
} stages[] = {
    {",\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}", true},
    {",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"},"
     "{\"type\":\"Punctuation\",\"behavior\":\"MergedWithNext\"},{\"type\":\"Split\","
     "\"pattern\":{\"Regex\":\"\\\\w*(?=[A-Z])|\\\\b|x+?\"},\"behavior\":"
     "\"MergedWithPrevious\",\"invert\":true},{\"type\":\"ByteLevel\","
     "\"add_prefix_space\":false,\"use_regex\":false}]},\"added_tokens\":[{\"id\":300,"
     "\"content\":\"xy\",\"lstrip\":false},{\"id\":301,\"content\":\"xyx\","
     "\"normalized\":false,\"single_word\":true},{\"id\":302,\"content\":\"  \"}]",
     true},
    {",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKD\"},{"
     "\"type\":\"Lowercase\"},{\"type\":\"Strip\"},{\"type\":\"NFC\"}]},"
     "\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"decoder\":{\"type\":\"Metaspace\","
     "\"replacement\":\"a\"}",
     false},
    {",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\","
     "\"prepend\":\"" MARK "\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},"
     "\"content\":\"" MARK "\"}]},\"added_tokens\":[{\"id\":300,\"content\":\"xy\","
     "\"lstrip\":true,\"rstrip\":true,\"special\":true},{\"id\":301,\"content\":\"  \","
     "\"lstrip\":true,\"rstrip\":true}],\"decoder\":{\"type\":\"Sequence\",\"decoders\":["
     "{"
     "\"type\":\"Replace\",\"pattern\":{\"Regex\":\"" MARK "|x*\"},\"content\":\" \"},{"
     "\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" "
     "\",\"start\":1,\"stop\":2}]}",
     false},
    {",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
     "\"WhitespaceSplit\"},{\"type\":\"Metaspace\",\"replacement\":\"" MARK
     "\",\"prepend_scheme\":\"first\"},{\"type\":\"ByteLevel\"},{\"type\":\"Split\","
     "\"pattern\":{\"String\":\"a\"},\"behavior\":\"Contiguous\"}]},\"decoder\":{"
     "\"type\":"
     "\"ByteLevel\"}",
     false},
};

/* A tokenizer.json of all byte-level characters, some merges, and chosen stages. */
static void make_json(size_t choice, at_buffer *json)
{
    bool failed = at_buffer_print(json, NULL,
                                  "{\"model\":{\"type\":\"BPE\",\"ignore_merges\":%s,"
                                  "\"byte_fallback\":true,\"vocab\":{\"<0xE2>\":290",
                                  choice & 1 ? "true" : "false") != ATTRIB_OK;
    for (unsigned byte = 0; byte < 256; byte++) {
        char character[AT_UTF8_MAX + 1] = "";
        at_put_character(at_byte_character((unsigned char)byte), character);
        bool is_escaped = character[0] == '"' || character[0] == '\\';
        failed |= at_buffer_print(json, NULL, ",\"%s%s\":%u", is_escaped ? "\\" : "",
                                  character, byte) != ATTRIB_OK;
    }
    failed |=
        at_buffer_print(json, NULL,
                        ",\"ab\":256,\"abab\":257,\"ba\":258,\"aba\":259,\"aa\":260,"
                        "\"aaa\":261},\"merges\":[\"b a\",\"a b\",\"ab ab\",\"a ba\","
                        "\"ab a\",\"a a\",\"aa a\",\"a aa\"]}%s}",
                        stages[choice].members) != ATTRIB_OK;
    if (failed) {
        abort();
    }
}

static void check_pieces(const attrib_tokenizer *t,
                         const int32_t *ids,
                         size_t n_ids,
                         const char *text,
                         size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n_ids; i++) {
        size_t n_piece = 0;
        const char *piece = attrib_tokenizer_piece(t, ids[i], &n_piece);
        if (n_piece > n - at || memcmp(piece, text + at, n_piece) != 0) {
            abort();
        }
        at += n_piece;
    }
    if (at != n) {
        abort();
    }
}

static void use(const attrib_tokenizer *t, const char *text, size_t n, bool keeps)
{
    attrib_error err = {0};
    int32_t *ids = NULL;
    size_t n_ids = 0;
    char *decoded = NULL;
    size_t n_decoded = 0;
    attrib_status status =
        attrib_tokenizer_encode(t, (attrib_text){text, n}, !keeps, &ids, &n_ids, &err);
    if (status != ATTRIB_OK) {
        bool is_text = at_utf8_is_valid(text, n, NULL);
        if (err.message[0] == '\0' || (is_text && keeps)) {
            abort();
        }
        return;
    }
    for (size_t i = 0; i < n_ids; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= attrib_tokenizer_n_tokens(t)) {
            abort();
        }
    }
    if (keeps) {
        check_pieces(t, ids, n_ids, text, n);
    }
    status = attrib_tokenizer_decode(t, (attrib_ids){ids, n_ids}, true, &decoded,
                                     &n_decoded, &err);
    if (status == ATTRIB_OK && !at_utf8_is_valid(decoded, n_decoded, NULL)) {
        abort();
    }
    free(decoded);
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    at_buffer built = {0};
    const char *json = (const char *)data;
    size_t n_json = 0;
    size_t n_skipped = 1;
    bool keeps = false;
    if (size == 0) {
        return 0;
    }
    if (data[0] == '{') {
        const char *nul = memchr(json, '\0', size);
        n_json = nul ? (size_t)(nul - json) : size;
        n_skipped = n_json + (nul != NULL);
    } else {
        size_t choice = data[0] % (sizeof stages / sizeof *stages);
        make_json(choice, &built);
        json = built.bytes;
        n_json = built.n_bytes;
        keeps = stages[choice].keeps;
    }
    if (at_tokenizer_parse("fuzz", json, n_json, &tokenizer, &err) == ATTRIB_OK) {
        use(tokenizer, (const char *)data + n_skipped, size - n_skipped, keeps);
    } else if (err.message[0] == '\0' || built.bytes) {
        abort();
    }
    attrib_tokenizer_close(tokenizer);
    at_buffer_free(&built);
    return 0;
}
