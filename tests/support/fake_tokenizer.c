/* SPDX-License-Identifier: MIT */
#include "support/fake_tokenizer.h"

#include <stdlib.h>

#include "base/error.h"
#include "tokenizer/chat.h"
#include "tokenizer/encode.h"

void attrib_tokenizer_hash(const attrib_tokenizer *tokenizer, char out[33])
{
    for (size_t i = 0; i < 32; i++) {
        out[i] = (char)('a' + tokenizer->has_bos + 2 * tokenizer->has_eos +
                        4 * tokenizer->adds_eos);
    }
    out[32] = '\0';
}

int32_t attrib_tokenizer_bos(const attrib_tokenizer *tokenizer)
{
    return tokenizer->has_bos ? FAKE_BOS : -1;
}

int32_t attrib_tokenizer_eos(const attrib_tokenizer *tokenizer)
{
    return tokenizer->has_eos ? FAKE_EOS : -1;
}

int32_t at_tokenizer_special(const attrib_tokenizer *tokenizer, size_t i)
{
    (void)tokenizer;
    (void)i;
    return -1;
}

size_t at_tokenizer_n_own_stops(const attrib_tokenizer *tokenizer)
{
    (void)tokenizer;
    return 0;
}

bool at_tokenizer_has(const attrib_tokenizer *tokenizer, const char *token)
{
    (void)tokenizer;
    (void)token;
    return true;
}

const struct at_jinja *at_tokenizer_template(const attrib_tokenizer *tokenizer,
                                             const attrib_error **problem)
{
    (void)tokenizer;
    (void)problem;
    return NULL; /* it has none, so nobody asks */
}

const int32_t *attrib_tokenizer_stops(const attrib_tokenizer *tokenizer, size_t *n_ids)
{
    (void)tokenizer;
    *n_ids = 0;
    return NULL;
}

const int32_t *attrib_tokenizer_ends(const attrib_tokenizer *tokenizer, size_t *n_ids)
{
    static const int32_t ends[] = {FAKE_EOS};
    *n_ids = tokenizer->adds_eos;
    return ends;
}

const char *attrib_tokenizer_piece(const attrib_tokenizer *tokenizer,
                                   int32_t id,
                                   size_t *n_bytes)
{
    (void)tokenizer;
    *n_bytes = id == FAKE_PAIR ? 2 : 1;
    if (id == FAKE_BOS || id == FAKE_EOS || id == FAKE_PAIR) {
        return id == FAKE_BOS ? "^" : id == FAKE_EOS ? "$" : ": ";
    }
    /* The ASCII that texts of tests are made of; bytes beyond it have no piece. */
    static const char letters[] =
        " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
        "abcdefghijklmnopqrstuvwxyz{|}~";
    if (id < 3 + ' ' || id > 3 + '~') {
        return "?";
    }
    return &letters[id - 3 - ' '];
}

const char *attrib_tokenizer_chat_template(const attrib_tokenizer *tokenizer)
{
    (void)tokenizer;
    return NULL;
}

attrib_status attrib_tokenizer_encode(const attrib_tokenizer *tokenizer,
                                      attrib_text text,
                                      bool add_special,
                                      int32_t **ids,
                                      size_t *n_ids,
                                      attrib_error *err)
{
    int32_t *out = malloc((text.n_bytes + 2) * sizeof *out);
    size_t n = 0;
    if (!out) {
        return at_fail(err, ATTRIB_ENOMEM, "out of memory");
    }
    if (add_special && tokenizer->has_bos) {
        out[n++] = FAKE_BOS;
    }
    for (size_t i = 0; i < text.n_bytes; i++) {
        bool is_pair =
            i + 1 < text.n_bytes && text.bytes[i] == ':' && text.bytes[i + 1] == ' ';
        out[n++] = is_pair                     ? FAKE_PAIR
                   : text.bytes[i] == FAKE_END ? FAKE_EOS
                                               : (unsigned char)text.bytes[i] + 3;
        i += is_pair;
    }
    if (add_special && tokenizer->adds_eos) {
        out[n++] = FAKE_EOS;
    }
    *ids = out;
    *n_ids = n;
    return ATTRIB_OK;
}

/* In two halves, as a sink may get them. */
attrib_status at_tokenizer_encode_to(const attrib_tokenizer *tokenizer,
                                     attrib_text text,
                                     bool add_special,
                                     at_id_sink sink,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int32_t *ids = NULL;
    size_t n = 0;
    AT_TRY(attrib_tokenizer_encode(tokenizer, text, add_special, &ids, &n, err));
    n -= add_special && tokenizer->adds_eos;
    AT_TRY(sink.put(sink.context, ids, n / 2, err));
    AT_TRY(sink.put(sink.context, ids + n / 2, n - n / 2, err));
done:
    free(ids);
    return status;
}
