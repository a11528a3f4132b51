/* SPDX-License-Identifier: MIT */
/* Tokenizers of GGUF files of the kind "llama": SentencePiece BPE with scores.
 *
 * SentencePiece joins the two neighbors whose text together is the token of the highest
 * score, and the leftmost two where scores are equal. So every way to halve a token is a
 * merge, in the order of the tokens' scores.
 *
 * Source: llm_tokenizer_spm of llama.cpp v0.5.0. */
#include "tokenizer/gguf_source.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"

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

/* Pairs that are merged, in an array that grows. */
typedef struct pair_list {
    at_pair *pairs;
    size_t n, capacity;
} pair_list;

static attrib_status add_pair(pair_list *list, at_pair pair, attrib_error *err)
{
    attrib_status status =
        at_grow(&list->pairs, &list->capacity, list->n + 1, sizeof pair, err);
    if (status == ATTRIB_OK) {
        list->pairs[list->n++] = pair;
    }
    return status;
}

/* Every way to halve token `id` into tokens. */
static attrib_status halve(
    const at_gguf_source *s, int32_t id, size_t rank, pair_list *list, attrib_error *err)
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
        if (first >= 0 && second >= 0 &&
            at_gguf_token_type(s, (size_t)first) == AT_TOKEN_NORMAL &&
            at_gguf_token_type(s, (size_t)second) == AT_TOKEN_NORMAL) {
            AT_TRY(add_pair(
                list, (at_pair){(uint32_t)first, (uint32_t)second, (uint32_t)rank}, err));
        }
    }
done:
    return status;
}

/* Tokens of more than one character, which merges may make, the best first. */
static attrib_status list_made(const at_gguf_source *s,
                               made **out,
                               size_t *n,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(s->n_tokens, sizeof **out, out, err));
    for (size_t id = 0; id < s->n_tokens; id++) {
        uint32_t character = 0;
        const at_gguf_text *text = &s->tokens[id];
        AT_CHECK(s->scores[id] == s->scores[id], ATTRIB_EFORMAT,
                 "%s: the score of token %zu is no number", s->name, id);
        if (at_gguf_token_type(s, id) == AT_TOKEN_NORMAL && text->n &&
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

static attrib_status make_merges(at_gguf_source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_bpe *bpe = &s->t->bpe;
    made *list = NULL;
    pair_list pairs = {0};
    size_t n_made = 0;
    AT_TRY(list_made(s, &list, &n_made, err));
    AT_TRY(at_array(n_made, sizeof *bpe->merged, &bpe->merged, err));
    AT_TRY(at_array(n_made, sizeof *bpe->order, &bpe->order, err));
    for (size_t i = 0; i < n_made; i++) {
        bool is_equal = i && list[i - 1].score <= list[i].score;
        bpe->merged[i] = list[i].id;
        bpe->order[i] = is_equal ? bpe->order[i - 1] : (uint32_t)i;
        AT_TRY(halve(s, list[i].id, i, &pairs, err));
    }
    AT_TRY(at_grow(&pairs.pairs, &pairs.capacity, 1, sizeof *pairs.pairs, err));
    AT_TRY(at_bpe_finish(bpe, pairs.pairs, pairs.n, err));
done:
    free(list);
    free(pairs.pairs);
    return status;
}

attrib_status at_gguf_read_llama(at_gguf_source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool adds_space = true;
    int32_t unknown = 0;
    AT_CHECK(s->scores, ATTRIB_EFORMAT,
             "%s: no scores (key \"" AT_GGUF_KEY("scores") "\")", s->name);
    AT_TRY(
        at_gguf_bool(s->gguf, AT_GGUF_KEY("add_space_prefix"), &adds_space, NULL, err));
    AT_TRY(at_gguf_read_normalizer(
        s,
        adds_space ? "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\","
                     "\"prepend\":\"\xE2\x96\x81\"},{\"type\":\"Replace\",\"pattern\":{"
                     "\"String\":\" \"},\"content\":\"\xE2\x96\x81\"}]}"
                   : "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":"
                     "\"\xE2\x96\x81\"}",
        err));
    AT_TRY(at_gguf_read_decoder(
        s,
        adds_space ? "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\","
                     "\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},{"
                     "\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\","
                     "\"content\":\" \",\"start\":1,\"stop\":0}]}"
                   : "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\","
                     "\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},{"
                     "\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}]}",
        err));
    AT_TRY(at_gguf_add_model_tokens(s, err));
    s->t->bpe = (at_bpe){.vocabulary = &s->t->vocabulary,
                         .has_byte_fallback = true,
                         .fuses_unknown = true,
                         .unknown_id = -1};
    AT_TRY(at_gguf_read_id(s, AT_GGUF_KEY("unknown_token_id"), &unknown, err));
    if (unknown >= 0) {
        AT_TRY(at_copy_text(s->tokens[unknown].bytes, s->tokens[unknown].n,
                            &s->t->bpe.unknown, err));
    }
    AT_TRY(make_merges(s, err));
    s->t->bpe.unknown_id = unknown;
    s->adds_bos = true;
done:
    return status;
}
