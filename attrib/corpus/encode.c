/* SPDX-License-Identifier: MIT */
/* Text to ids, and where in the ids its parts begin. */
#include "corpus/draft.h"

#include <stdlib.h>
#include <string.h>

/* Text before the segments of one document, all told: many turns of a long chat would
 * cost the square of its length. */
#define MAX_PREFIX_BYTES ((size_t)256 << 20)

attrib_status at_drafts_add(at_drafts *drafts, at_draft **out, attrib_error *err)
{
    attrib_status status = at_grow(&drafts->items, &drafts->capacity, drafts->n + 1,
                                   sizeof *drafts->items, err);
    if (status == ATTRIB_OK) {
        *out = &drafts->items[drafts->n++];
        **out = (at_draft){0};
    }
    return status;
}

void at_draft_free(at_draft *draft)
{
    free(draft->id);
    free(draft->ids);
    free(draft->mask);
    free(draft->labels);
    if (!draft->borrows_text) {
        at_buffer_free(&draft->text);
    }
    at_buffer_free(&draft->tags);
    *draft = (at_draft){0};
}

void at_drafts_free(at_drafts *drafts)
{
    for (size_t i = 0; i < drafts->n; i++) {
        at_draft_free(&drafts->items[i]);
    }
    free(drafts->items);
    *drafts = (at_drafts){0};
}

attrib_status at_draft_append(at_draft *draft,
                              at_segments *segments,
                              const char *text,
                              size_t n_bytes,
                              bool has_loss,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_append(&draft->text, text, n_bytes, err));
    draft->has_text = true;
    if (segments->n == 0 || segments->items[segments->n - 1].has_loss != has_loss) {
        AT_TRY(at_grow(&segments->items, &segments->capacity, segments->n + 1,
                       sizeof *segments->items, err));
        segments->items[segments->n++].has_loss = has_loss;
    }
    segments->items[segments->n - 1].end = draft->text.n_bytes;
done:
    return status;
}

/* Encode text, special tokens before it among the ids, but none behind it: those are the
 * end of a whole document, and a text may be the beginning of one. */
static attrib_status encode_open(const at_rules *rules,
                                 const at_draft *draft,
                                 size_t n_bytes,
                                 int32_t **ids,
                                 size_t *n_ids,
                                 attrib_error *err)
{
    size_t n_ends = 0;
    attrib_status status =
        attrib_tokenizer_encode(rules->tokenizer, draft->text.bytes, n_bytes,
                                !draft->is_rendered, ids, n_ids, err);
    if (status == ATTRIB_OK && !draft->is_rendered) {
        (void)attrib_tokenizer_ends(rules->tokenizer, &n_ends);
        *n_ids -= n_ends;
    }
    return status;
}

/* How many leading ids of the draft are those of the first n_bytes of its text alone. */
static attrib_status common_prefix(const at_rules *rules,
                                   const at_draft *draft,
                                   size_t n_bytes,
                                   size_t *out,
                                   attrib_error *err)
{
    int32_t *alone = NULL;
    size_t n_alone = 0;
    size_t i = 0;
    attrib_status status = encode_open(rules, draft, n_bytes, &alone, &n_alone, err);
    if (status == ATTRIB_OK) {
        while (i < n_alone && i < draft->n_tokens && alone[i] == draft->ids[i]) {
            i++;
        }
        *out = i;
    }
    free(alone);
    return status;
}

/* What ends a whole document: the tokenizer's own tokens behind a text, and EOS where
 * they do not end in it. */
static attrib_status append_ends(const at_rules *rules,
                                 at_draft *draft,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_ends = 0;
    const int32_t *ends = attrib_tokenizer_ends(rules->tokenizer, &n_ends);
    int32_t eos = attrib_tokenizer_eos(rules->tokenizer);
    size_t capacity = draft->n_tokens;
    size_t n = draft->n_tokens;
    if (!rules->append_eos || draft->is_rendered) {
        return ATTRIB_OK;
    }
    AT_TRY(at_grow(&draft->ids, &capacity, n + n_ends + 1, sizeof *draft->ids, err));
    for (size_t i = 0; i < n_ends; i++) {
        draft->ids[n++] = ends[i];
    }
    if (eos >= 0 && (n == 0 || draft->ids[n - 1] != eos)) {
        draft->ids[n++] = eos;
    }
    draft->n_tokens = n;
done:
    return status;
}

static attrib_status check_ids(const at_rules *rules,
                               const at_draft *draft,
                               attrib_error *err)
{
    for (size_t t = 0; rules->n_vocabulary && t < draft->n_tokens; t++) {
        if ((size_t)draft->ids[t] >= rules->n_vocabulary) {
            return at_fail(err, ATTRIB_ERANGE,
                           "token %zu: the tokenizer's id %d, the model's vocabulary has "
                           "%zu",
                           t, (int)draft->ids[t], rules->n_vocabulary);
        }
    }
    return ATTRIB_OK;
}

/* mask[t] = has_loss of the segment that token t begins in; nothing predicts token 0. */
static attrib_status mask_segments(const at_rules *rules,
                                   const at_segments *segments,
                                   at_draft *draft,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t from = 0;
    size_t n_prefix_bytes = 0;
    for (size_t k = 0; k < segments->n; k++) {
        size_t end = draft->n_tokens;
        if (k + 1 < segments->n) {
            n_prefix_bytes += segments->items[k].end;
            AT_CHECK(n_prefix_bytes <= MAX_PREFIX_BYTES, ATTRIB_ERANGE,
                     "%zu turns of %zu bytes are too many", segments->n,
                     draft->text.n_bytes);
            AT_TRY(common_prefix(rules, draft, segments->items[k].end, &end, err));
        }
        for (; from < end; from++) {
            draft->mask[from] = from > 0 && segments->items[k].has_loss;
            draft->n_predicted += draft->mask[from];
        }
    }
done:
    return status;
}

attrib_status at_draft_encode(const at_rules *rules,
                              const char *name,
                              const at_segments *segments,
                              at_draft *draft,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(rules->tokenizer, ATTRIB_EINVAL, "text, but there is no tokenizer");
    if (draft->text.n_bytes == 0) {
        goto done;
    }
    AT_TRY(encode_open(rules, draft, draft->text.n_bytes, &draft->ids, &draft->n_tokens,
                       err));
    AT_TRY(append_ends(rules, draft, err));
    AT_TRY(check_ids(rules, draft, err));
    AT_TRY(at_array(draft->n_tokens, 1, &draft->mask, err));
    AT_TRY(mask_segments(rules, segments, draft, err));
done:
    if (status != ATTRIB_OK) {
        at_context(err, status, "%s", name);
    }
    return status;
}

attrib_status at_draft_from_text(const at_rules *rules,
                                 const char *name,
                                 const char *text,
                                 size_t n_bytes,
                                 at_drafts *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *draft = NULL;
    at_segment whole = {n_bytes, true};
    const at_segments segments = {&whole, 1, 1};
    AT_TRY(at_drafts_add(out, &draft, err));
    draft->has_text = true;
    draft->borrows_text = true;
    draft->text.n_bytes = n_bytes;
    memcpy(&draft->text.bytes, &text, sizeof text); /* read only, as the flag says */
    AT_TRY(at_draft_encode(rules, name, &segments, draft, err));
done:
    return status;
}
