/* SPDX-License-Identifier: MIT */
/* Tokenizers of GGUF files: "gpt2" (byte-level BPE with merges) and "llama"
 * (SentencePiece BPE with scores).
 *
 *   1. Reading   2. Tokens   3. gpt2   4. llama   5. Ends   6. The whole
 *
 * Source: the keys under tokenizer.* of docs/gguf.md of the ggml project; names of
 * pre-tokenizers and defaults as llama.cpp has them, patterns as the models' own
 * tokenizer.json. */
#include "format/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"
#include "tokenizer/characters.h"
#include "tokenizer/tokenizer_internal.h"

/* Types of tokens, by their numbers in files. */
enum {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,
    TOKEN_CONTROL = 3,
    TOKEN_USER_DEFINED = 4,
    TOKEN_UNUSED = 5,
    TOKEN_BYTE = 6
};

#define KEY(name) "tokenizer.ggml." name

/* What a file says of its tokens. */
typedef struct source {
    const at_gguf *gguf;
    const char *name; /* of the file */
    at_gguf_text *tokens;
    double *scores; /* NULL: none */
    int64_t *types; /* NULL: all normal */
    size_t n_tokens;
    attrib_tokenizer *t;
} source;

/* 1. Reading */

static attrib_status read_source(source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_scores = 0;
    size_t n_types = 0;
    AT_TRY(at_gguf_texts(s->gguf, KEY("tokens"), &s->tokens, &s->n_tokens, err));
    AT_TRY(at_gguf_numbers(s->gguf, KEY("scores"), &s->scores, &n_scores, err));
    AT_TRY(at_gguf_integers(s->gguf, KEY("token_type"), &s->types, &n_types, err));
    AT_CHECK(s->n_tokens, ATTRIB_EFORMAT, "%s: no tokens (key \"" KEY("tokens") "\")",
             s->name);
    AT_CHECK(!s->scores || n_scores == s->n_tokens, ATTRIB_ESHAPE,
             "%s: %zu scores of %zu tokens", s->name, n_scores, s->n_tokens);
    AT_CHECK(!s->types || n_types == s->n_tokens, ATTRIB_ESHAPE,
             "%s: %zu types of %zu tokens", s->name, n_types, s->n_tokens);
    for (size_t i = 0; i < s->n_tokens; i++) {
        size_t offset = 0;
        AT_CHECK(s->tokens[i].n == 0 ||
                     at_utf8_is_valid(s->tokens[i].bytes, s->tokens[i].n, &offset),
                 ATTRIB_EFORMAT, "%s: token %zu is not UTF-8", s->name, i);
    }
done:
    return status;
}

static int64_t type_of(const source *s, size_t id)
{
    return s->types ? s->types[id] : TOKEN_NORMAL;
}

/* An id under a key: -1 where there is none, or 0xFFFFFFFF, which some files mean by it.
 */
static attrib_status read_id(const source *s,
                             const char *key,
                             int32_t *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t id = 0;
    bool is_there = false;
    AT_TRY(at_gguf_size(s->gguf, key, &id, &is_there, err));
    if (is_there && id != UINT32_MAX) {
        AT_CHECK(id < s->n_tokens, ATTRIB_EFORMAT,
                 "%s: key \"%s\": id %zu is not in the vocabulary of %zu tokens", s->name,
                 key, id, s->n_tokens);
        *out = (int32_t)id;
    }
done:
    return status;
}

/* A stage as tokenizer.json writes it; owned by the caller. */
static attrib_status stage_of(const char *text, json_t **out, attrib_error *err)
{
    return at_json_parse("tokenizer", text, strlen(text), out, err);
}

static attrib_status read_normalizer(source *s, const char *text, attrib_error *err)
{
    json_t *stage = NULL;
    attrib_status status = stage_of(text, &stage, err);
    if (status == ATTRIB_OK) {
        status = at_normalizer_read(s->name, stage, &s->t->normalizer, err);
    }
    json_decref(stage);
    return status;
}

static attrib_status read_decoder(source *s, const char *text, attrib_error *err)
{
    json_t *stage = NULL;
    attrib_status status = stage_of(text, &stage, err);
    if (status == ATTRIB_OK) {
        status = at_detokenizer_read(s->name, stage, &s->t->decoder, err);
    }
    json_decref(stage);
    return status;
}

/* 2. Tokens: those of the model, and those that are split out of the text before it */

static bool is_added(const source *s, size_t id)
{
    int64_t type = type_of(s, id);
    return type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED || type == TOKEN_UNKNOWN;
}

static attrib_status add_model_tokens(source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_vocabulary *vocabulary = &s->t->vocabulary;
    for (size_t id = 0; id < s->n_tokens; id++) {
        if (!is_added(s, id)) {
            AT_TRY(at_vocabulary_add(vocabulary, s->name, id, s->tokens[id].bytes,
                                     s->tokens[id].n, err));
            vocabulary->tokens[id].is_of_model = true;
        }
    }
    AT_TRY(at_vocabulary_sort(vocabulary, s->name, err));
done:
    return status;
}

/* As "added_tokens" of a tokenizer.json. User's tokens are matched in the text as it is:
 * files have their marks as spaces already. An empty one matches nothing. */
static attrib_status add_other_tokens(source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *list = json_array();
    AT_CHECK(list, ATTRIB_ENOMEM, "out of memory for added tokens");
    for (size_t id = 0; id < s->n_tokens; id++) {
        if (!is_added(s, id) || s->tokens[id].n == 0) {
            continue;
        }
        json_t *text = json_stringn(s->tokens[id].bytes, s->tokens[id].n);
        json_t *token =
            json_pack("{so sI sb sb}", "content", text, "id", (json_int_t)id, "special",
                      type_of(s, id) != TOKEN_USER_DEFINED, "normalized", 0);
        AT_CHECK(json_array_append_new(list, token) == 0, ATTRIB_ENOMEM,
                 "out of memory for added tokens");
    }
    AT_TRY(at_added_tokens_read(s->name, list, &s->t->normalizer, &s->t->vocabulary,
                                &s->t->added, err));
done:
    json_decref(list);
    return status;
}

/* 3. gpt2 */

#define BYTES(space, regex)                                                              \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":" space ",\"use_regex\":" regex "}"
#define SPLIT(pattern)                                                                   \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"        \
    "\"Regex\":\"" pattern                                                               \
    "\"},\"behavior\":\"Isolated\"}," BYTES("false", "false") "]}"
#define SHORT_FORMS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LINES       "\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
/* Words and numbers of at most n digits, as in OpenAI's cl100k. */
#define CL100K(n)                                                                        \
    SHORT_FORMS "|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}" n                    \
                "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|" LINES
/* Words by their capitals; `ends` are short forms behind them. */
#define UPPER      "[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]"
#define LOWER      "[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]"
#define WORD_START "[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?"
#define CAPITALS(ends, n)                                                                \
    WORD_START UPPER "*" LOWER "+" ends "|" WORD_START UPPER "+" LOWER "*" ends          \
                     "|\\\\p{N}" n "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n/]*|" LINES
#define DIGITS                                                                           \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\","                    \
    "\"individual_digits\":true}," BYTES("false", "true") "]}"
#define THREES                                                                           \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[0-9][0-9][0-9]\"},\"behavior\":"      \
    "\"Isolated\"}"
#define FALCON                                                                           \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Punctuation\","               \
    "\"behavior\":\"Contiguous\"}," BYTES("false",                                       \
                                          "true") ",{\"type\":\"Digits\"}," THREES "]}"

typedef struct pre_tokenizer {
    const char *names[6];
    const char *json;
    bool is_composed;    /* the models' own tokenizers bring text to NFC first */
    bool ignores_merges; /* words that are tokens need no merges */
    bool adds_bos;       /* where the file does not say */
} pre_tokenizer;

static const pre_tokenizer pre_tokenizers[] = {
    {.names = {"gpt-2", "phi-2", "jais"}, .json = BYTES("false", "true")},
    {.names = {"mpt", "olmo"}, .json = BYTES("false", "true"), .is_composed = true},
    {.names = {"llama-bpe", "llama3", "llama-v3"},
     .json = SPLIT(CL100K("{1,3}")),
     .ignores_merges = true,
     .adds_bos = true},
    {.names = {"dbrx", "smaug-bpe"}, .json = SPLIT(CL100K("{1,3}"))},
    {.names = {"qwen2", "deepseek-r1-qwen"},
     .json = SPLIT(CL100K("")),
     .is_composed = true},
    {.names = {"tekken"}, .json = SPLIT(CAPITALS("", "")), .ignores_merges = true},
    {.names = {"gpt-4o"}, .json = SPLIT(CAPITALS(SHORT_FORMS "?", "{1,3}"))},
    {.names = {"smollm", "starcoder", "refact", "codeshell"}, .json = DIGITS},
    {.names = {"falcon"}, .json = FALCON},
};

static attrib_status find_pre_tokenizer(const source *s,
                                        const pre_tokenizer **out,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *name = NULL;
    bool is_there = false;
    AT_TRY(at_gguf_get_text(s->gguf, KEY("pre"), &name, NULL, &is_there, err));
    AT_CHECK(is_there, ATTRIB_ENOTSUP,
             "%s: no key \"" KEY("pre") "\": the pre-tokenizer is not known", s->name);
    for (size_t i = 0; i < sizeof pre_tokenizers / sizeof *pre_tokenizers; i++) {
        for (const char *const *one = pre_tokenizers[i].names; *one; one++) {
            if (strcmp(*one, name) == 0) {
                *out = &pre_tokenizers[i];
                return ATTRIB_OK;
            }
        }
    }
    status = at_fail(err, ATTRIB_ENOTSUP, "%s: pre-tokenizer \"%.64s\" is not supported",
                     s->name, name);
done:
    return status;
}

/* The pair of a merge "a b", and what it makes; `joined` is scratch. */
static attrib_status resolve_merge(const source *s,
                                   const at_gguf_text *merge,
                                   size_t rank,
                                   at_buffer *joined,
                                   at_pair *pair,
                                   int32_t *merged,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_vocabulary *vocabulary = &s->t->vocabulary;
    const char *space = merge->n ? memchr(merge->bytes, ' ', merge->n) : NULL;
    size_t n_left = space ? (size_t)(space - merge->bytes) : 0;
    size_t n_right = space ? merge->n - n_left - 1 : 0;
    int32_t left = -1;
    int32_t right = -1;
    AT_CHECK(space && !memchr(space + 1, ' ', n_right), ATTRIB_EFORMAT,
             "%s: merge %zu is not two tokens and one space", s->name, rank);
    at_buffer_clear(joined);
    AT_TRY(at_buffer_append(joined, merge->bytes, n_left, err));
    AT_TRY(at_buffer_append(joined, space + 1, n_right, err));
    left = at_vocabulary_find(vocabulary, merge->bytes, n_left);
    right = at_vocabulary_find(vocabulary, space + 1, n_right);
    *merged = at_vocabulary_find(vocabulary, joined->bytes, joined->n_bytes);
    AT_CHECK(left >= 0 && right >= 0 && *merged >= 0, ATTRIB_EFORMAT,
             "%s: merge %zu: a token is not in the vocabulary", s->name, rank);
    *pair = (at_pair){(uint32_t)left, (uint32_t)right, (uint32_t)rank};
done:
    return status;
}

static attrib_status read_merges(source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_bpe *bpe = &s->t->bpe;
    at_gguf_text *merges = NULL;
    at_pair *pairs = NULL;
    at_buffer joined = {0};
    size_t n = 0;
    AT_TRY(at_gguf_texts(s->gguf, KEY("merges"), &merges, &n, err));
    AT_TRY(at_array(n, sizeof *pairs, &pairs, err));
    AT_TRY(at_array(n, sizeof *bpe->merged, &bpe->merged, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(resolve_merge(s, &merges[i], i, &joined, &pairs[i], &bpe->merged[i], err));
    }
    AT_TRY(at_bpe_finish(bpe, pairs, n, err));
done:
    free(merges);
    free(pairs);
    at_buffer_free(&joined);
    return status;
}

static attrib_status read_gpt2(source *s, bool *adds_bos, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const pre_tokenizer *pre = NULL;
    json_t *stage = NULL;
    AT_TRY(find_pre_tokenizer(s, &pre, err));
    AT_TRY(stage_of(pre->json, &stage, err));
    AT_TRY(at_pretokenizer_read(s->name, stage, &s->t->pretokenizer, err));
    if (pre->is_composed) {
        AT_TRY(read_normalizer(s, "{\"type\":\"NFC\"}", err));
    }
    AT_TRY(read_decoder(s, "{\"type\":\"ByteLevel\"}", err));
    AT_TRY(add_model_tokens(s, err));
    s->t->bpe = (at_bpe){.vocabulary = &s->t->vocabulary,
                         .words_are_bytes = s->t->pretokenizer.ends_in_bytes,
                         .ignores_merges = pre->ignores_merges};
    AT_TRY(read_merges(s, err));
    *adds_bos = pre->adds_bos;
done:
    json_decref(stage);
    return status;
}

/* 4. llama. SentencePiece joins the two neighbors of which the text together is the token
 * of the highest score, of equals the leftmost. So every way to halve a token is a merge,
 * ranked by the token's score. */

/* Bytes of a token that merges make: many times what SentencePiece's have, and so few
 * that files of other tokens are refused before all their halves are looked up. */
#define MAX_MADE ((size_t)1024)

/* A token that merges make. */
typedef struct made {
    double score;
    int32_t id;
} made;

/* The highest score first. */
static int compare_made(const void *left, const void *right)
{
    const made *a = left;
    const made *b = right;
    if (a->score > b->score || a->score < b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return (a->id > b->id) - (a->id < b->id);
}

/* Every way to halve token `id` into tokens; *rank is used up if there is one. */
static attrib_status halve(const source *s,
                           int32_t id,
                           size_t rank,
                           at_pair **pairs,
                           size_t *n,
                           size_t *capacity,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_vocabulary *vocabulary = &s->t->vocabulary;
    size_t n_bytes = 0;
    uint32_t character = 0;
    const char *text = at_vocabulary_text(vocabulary, id, &n_bytes);
    for (size_t i = at_get_character(text, &character); i < n_bytes;
         i += at_get_character(text + i, &character)) {
        int32_t first = at_vocabulary_find(vocabulary, text, i);
        int32_t second = at_vocabulary_find(vocabulary, text + i, n_bytes - i);
        if (first >= 0 && second >= 0 && type_of(s, (size_t)first) == TOKEN_NORMAL &&
            type_of(s, (size_t)second) == TOKEN_NORMAL) {
            AT_TRY(at_grow(pairs, capacity, *n + 1, sizeof **pairs, err));
            (*pairs)[(*n)++] =
                (at_pair){(uint32_t)first, (uint32_t)second, (uint32_t)rank};
        }
    }
done:
    return status;
}

/* Tokens of more than one character, which merges may make, the best first. Two that
 * merges make may not have one score: which is joined first would depend on their places
 * in the text, and here every token has a rank of its own. */
static attrib_status list_made(const source *s, made **out, size_t *n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(s->n_tokens, sizeof **out, out, err));
    for (size_t id = 0; id < s->n_tokens; id++) {
        uint32_t character = 0;
        const at_gguf_text *text = &s->tokens[id];
        AT_CHECK(s->scores[id] == s->scores[id], ATTRIB_EFORMAT,
                 "%s: the score of token %zu is no number", s->name, id);
        if (type_of(s, id) == TOKEN_NORMAL && text->n &&
            at_get_character(text->bytes, &character) < text->n) {
            AT_CHECK(text->n <= MAX_MADE, ATTRIB_ERANGE,
                     "%s: token %zu has %zu bytes, expected at most %zu", s->name, id,
                     text->n, MAX_MADE);
            (*out)[(*n)++] = (made){s->scores[id], (int32_t)id};
        }
    }
    qsort(*out, *n, sizeof **out, compare_made);
done:
    return status;
}

static attrib_status make_merges(source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_bpe *bpe = &s->t->bpe;
    made *list = NULL;
    at_pair *pairs = NULL;
    size_t n_made = 0;
    size_t n_pairs = 0;
    size_t capacity = 0;
    const made *last = NULL; /* with a way to halve it */
    AT_TRY(list_made(s, &list, &n_made, err));
    AT_TRY(at_array(n_made, sizeof *bpe->merged, &bpe->merged, err));
    for (size_t i = 0; i < n_made; i++) {
        size_t n_before = n_pairs;
        bpe->merged[i] = list[i].id;
        AT_TRY(halve(s, list[i].id, i, &pairs, &n_pairs, &capacity, err));
        if (n_pairs == n_before) {
            continue;
        }
        AT_CHECK(!last || last->score > list[i].score, ATTRIB_ENOTSUP,
                 "%s: tokens %d and %d have one score, which SentencePiece's do not",
                 s->name, (int)last->id, (int)list[i].id);
        last = &list[i];
    }
    AT_TRY(at_grow(&pairs, &capacity, 1, sizeof *pairs, err));
    AT_TRY(at_bpe_finish(bpe, pairs, n_pairs, err));
done:
    free(list);
    free(pairs);
    return status;
}

static attrib_status read_llama(source *s, bool *adds_bos, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool adds_space = true;
    int32_t unknown = 0;
    AT_CHECK(s->scores, ATTRIB_EFORMAT, "%s: no scores (key \"" KEY("scores") "\")",
             s->name);
    AT_TRY(at_gguf_bool(s->gguf, KEY("add_space_prefix"), &adds_space, NULL, err));
    AT_TRY(read_normalizer(
        s,
        adds_space ? "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\","
                     "\"prepend\":\"\xE2\x96\x81\"},{\"type\":\"Replace\",\"pattern\":{"
                     "\"String\":\" \"},\"content\":\"\xE2\x96\x81\"}]}"
                   : "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":"
                     "\"\xE2\x96\x81\"}",
        err));
    AT_TRY(read_decoder(
        s,
        adds_space ? "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\","
                     "\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},{"
                     "\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\","
                     "\"content\":\" \",\"start\":1,\"stop\":0}]}"
                   : "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\","
                     "\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},{"
                     "\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}]}",
        err));
    AT_TRY(add_model_tokens(s, err));
    s->t->bpe = (at_bpe){.vocabulary = &s->t->vocabulary,
                         .has_byte_fallback = true,
                         .fuses_unknown = true,
                         .unknown_id = -1};
    AT_TRY(read_id(s, KEY("unknown_token_id"), &unknown, err));
    if (unknown >= 0) {
        AT_TRY(at_copy_text(s->tokens[unknown].bytes, s->tokens[unknown].n,
                            &s->t->bpe.unknown, err));
    }
    AT_TRY(make_merges(s, err));
    s->t->bpe.unknown_id = unknown;
    *adds_bos = true;
done:
    return status;
}

/* 5. Ends of documents and turns, and the chat template */

static attrib_status read_ends(source *s, bool adds_bos, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_tokenizer *t = s->t;
    bool adds_eos = false;
    static const char *const stops[] = {KEY("eot_token_id"), KEY("eom_token_id")};
    AT_TRY(read_id(s, KEY("bos_token_id"), &t->bos, err));
    AT_TRY(read_id(s, KEY("eos_token_id"), &t->eos, err));
    AT_TRY(at_gguf_bool(s->gguf, KEY("add_bos_token"), &adds_bos, NULL, err));
    AT_TRY(at_gguf_bool(s->gguf, KEY("add_eos_token"), &adds_eos, NULL, err));
    t->template.is_there = true;
    if (adds_bos && t->bos >= 0) {
        AT_TRY(at_ids_add(&t->template.before, &t->bos, 1, err));
    }
    if (adds_eos && t->eos >= 0) {
        AT_TRY(at_ids_add(&t->template.after, &t->eos, 1, err));
    }
    AT_TRY(at_tokenizer_add_stops(t, err));
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        int32_t stop = -1;
        AT_TRY(read_id(s, stops[i], &stop, err));
        AT_TRY(stop >= 0 ? at_tokenizer_add_stop(t, stop, err) : ATTRIB_OK);
    }
done:
    return status;
}

static attrib_status read_chat_template(source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = NULL;
    size_t n = 0;
    size_t offset = 0;
    bool is_there = false;
    AT_TRY(
        at_gguf_get_text(s->gguf, "tokenizer.chat_template", &text, &n, &is_there, err));
    if (is_there) {
        AT_CHECK(n == 0 || at_utf8_is_valid(text, n, &offset), ATTRIB_EFORMAT,
                 "%s: byte %zu of the chat template is not UTF-8", s->name, offset);
        AT_TRY(at_tokenizer_take_chat_template(s->t, text, n, err));
    }
done:
    return status;
}

/* 6. The whole */

static attrib_status read_kind(source *s, bool *adds_bos, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *kind = NULL;
    bool is_there = false;
    AT_TRY(at_gguf_get_text(s->gguf, KEY("model"), &kind, NULL, &is_there, err));
    if (!is_there) {
        return ATTRIB_END;
    }
    AT_CHECK(strcmp(kind, "gpt2") == 0 || strcmp(kind, "llama") == 0, ATTRIB_ENOTSUP,
             "%s: tokenizer \"%.64s\" is not supported, only \"gpt2\" and \"llama\" are",
             s->name, kind);
    AT_TRY(read_source(s, err));
    AT_TRY(strcmp(kind, "gpt2") == 0 ? read_gpt2(s, adds_bos, err)
                                     : read_llama(s, adds_bos, err));
done:
    return status;
}

attrib_status at_tokenizer_from_gguf(const at_gguf *gguf,
                                     attrib_tokenizer **out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    source s = {.gguf = gguf, .name = at_gguf_path(gguf)};
    bool adds_bos = false;
    AT_TRY(at_array(1, sizeof *s.t, &s.t, err));
    s.t->bos = -1;
    s.t->eos = -1;
    memset(s.t->special, -1, sizeof s.t->special);
    AT_TRY(read_kind(&s, &adds_bos, err));
    AT_TRY(add_other_tokens(&s, err));
    AT_TRY(at_tokenizer_make_pieces(s.t, err));
    AT_TRY(read_ends(&s, adds_bos, err));
    AT_TRY(read_chat_template(&s, err));
    *out = s.t;
    s.t = NULL;
done:
    free(s.tokens);
    free(s.scores);
    free(s.types);
    attrib_tokenizer_close(s.t);
    return status;
}
