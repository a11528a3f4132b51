/* SPDX-License-Identifier: MIT */
/* tokenizer.json: from bytes to the stages of a tokenizer. "truncation" and "padding" are
 * left out: they are about batches, and a document is encoded whole. */
#include "tokenizer/tokenizer_internal.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"

/* The bytes that every token stands for. Where no decoder turns byte-level characters
 * back, the pre-tokenizer that made them says that they are to be. */
attrib_status at_tokenizer_make_pieces(attrib_tokenizer *t, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_decoding scratch = {0};
    bool are_bytes = t->pretokenizer.has_byte_level && !t->decoder.has_byte_level;
    size_t n_tokens = t->vocabulary.n_tokens;
    AT_TRY(at_array(n_tokens + 1, sizeof *t->piece_offsets, &t->piece_offsets, err));
    AT_TRY(at_buffer_append(&t->pieces, "", 0, err));
    for (size_t id = 0; id < n_tokens; id++) {
        size_t n = 0;
        const char *text = at_vocabulary_text(&t->vocabulary, (int32_t)id, &n);
        if (text && t->vocabulary.tokens[id].is_added) {
            AT_TRY(at_buffer_append(&t->pieces, text, n, err));
        } else if (text && are_bytes) {
            AT_TRY(at_append_bytes_of_characters(&t->pieces, text, n, err));
        } else if (text) {
            AT_TRY(at_decode_piece(&t->decoder, &scratch, text, n, &t->pieces, err));
        }
        t->piece_offsets[id + 1] = t->pieces.n_bytes;
    }
done:
    at_decoding_free(&scratch);
    return status;
}

/* The model: "BPE", which files before models had types do not say, or "Unigram". */
static attrib_status read_model(const char *name,
                                const json_t *json,
                                attrib_tokenizer *t,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *type = json_object_get(json, "type");
    AT_CHECK(json_is_object(json), ATTRIB_EFORMAT,
             "%s: key \"model\": expected an object", name);
    AT_CHECK(json_is_string(type) || (!type && json_object_get(json, "merges")),
             ATTRIB_EFORMAT, "%s: a model without a \"type\"", name);
    t->is_unigram = type && strcmp(json_string_value(type), "Unigram") == 0;
    AT_CHECK(t->is_unigram || !type || strcmp(json_string_value(type), "BPE") == 0,
             ATTRIB_ENOTSUP,
             "%s: model \"%.64s\" is not supported, only \"BPE\" and \"Unigram\" are",
             name, json_string_value(type));
    if (t->is_unigram) {
        AT_TRY(at_unigram_read(name, json, &t->vocabulary, &t->unigram, err));
    } else {
        AT_TRY(at_bpe_read(name, json, t->pretokenizer.ends_in_bytes, &t->vocabulary,
                           &t->bpe, err));
    }
done:
    return status;
}

static attrib_status read_stages(const char *name,
                                 const json_t *json,
                                 attrib_tokenizer *t,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(json_is_object(json), ATTRIB_EFORMAT, "%s: expected an object", name);
    AT_TRY(at_normalizer_read(name, json_object_get(json, "normalizer"), &t->normalizer,
                              err));
    AT_TRY(at_pretokenizer_read(name, json_object_get(json, "pre_tokenizer"),
                                &t->pretokenizer, err));
    AT_TRY(read_model(name, json_object_get(json, "model"), t, err));
    AT_TRY(at_added_tokens_read(name, json_object_get(json, "added_tokens"),
                                &t->normalizer, &t->vocabulary, &t->added, err));
    AT_TRY(at_template_read(name, json_object_get(json, "post_processor"), &t->vocabulary,
                            &t->template, err));
    AT_TRY(at_detokenizer_read(name, json_object_get(json, "decoder"), &t->decoder, err));
    AT_TRY(at_tokenizer_make_pieces(t, err));
done:
    return status;
}

attrib_status at_tokenizer_parse(const char *name,
                                 const char *bytes,
                                 size_t n,
                                 attrib_tokenizer **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_tokenizer *tokenizer = NULL;
    json_t *json = NULL;
    AT_TRY(at_json_parse(name, bytes, n, &json, err));
    AT_TRY(at_array(1, sizeof *tokenizer, &tokenizer, err));
    tokenizer->bos = -1;
    tokenizer->eos = -1;
    memset(tokenizer->special, -1, sizeof tokenizer->special);
    at_hash_bytes(bytes, n, tokenizer->source_hash);
    AT_TRY(read_stages(name, json, tokenizer, err));
    if (tokenizer->template.before.n_ids) {
        tokenizer->bos = tokenizer->template.before.ids[0];
    }
    *out = tokenizer;
    tokenizer = NULL;
done:
    json_decref(json);
    attrib_tokenizer_close(tokenizer);
    return status;
}
