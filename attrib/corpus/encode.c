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
    json_decref(drafts->row);
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

/* Encode text, special tokens before it among the ids, but none after it: those are the
 * end of a whole document, and a text may be the beginning of one. */
static attrib_status encode_open(const at_rules *rules,
                                 at_draft *draft,
                                 attrib_error *err)
{
    size_t n_ends = 0;
    const attrib_text text = {draft->text.bytes, draft->text.n_bytes};
    attrib_status status = attrib_tokenizer_encode(
        rules->tokenizer, text, !draft->is_rendered, &draft->ids, &draft->n_tokens, err);
    if (status == ATTRIB_OK && !draft->is_rendered) {
        (void)attrib_tokenizer_ends(rules->tokenizer, &n_ends);
        draft->n_tokens -= n_ends;
    }
    return status;
}

/* Ids that are compared with those of a draft as they come. */
typedef struct prefix {
    const at_draft *draft;
    size_t n; /* leading ids that are the same */
    bool is_left;
} prefix;

static attrib_status compare_ids(void *context,
                                 const int32_t *ids,
                                 size_t n,
                                 attrib_error *err)
{
    prefix *p = context;
    (void)err;
    for (size_t i = 0; i < n && !p->is_left; i++) {
        p->is_left = p->n >= p->draft->n_tokens || ids[i] != p->draft->ids[p->n];
        p->n += !p->is_left;
    }
    return ATTRIB_OK;
}

/* How many leading ids of the draft are those of the first n_bytes of its text alone. */
static attrib_status common_prefix(const at_rules *rules,
                                   const at_draft *draft,
                                   size_t n_bytes,
                                   size_t *out,
                                   attrib_error *err)
{
    prefix p = {.draft = draft};
    attrib_status status = at_tokenizer_encode_to(
        rules->tokenizer, (attrib_text){draft->text.bytes, n_bytes}, !draft->is_rendered,
        (at_id_sink){.put = compare_ids, .context = &p}, err);
    *out = p.n;
    return status;
}

/* What ends a whole document: the tokenizer's own tokens after a text, and EOS where
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

/* Check ids, of which the first is token `first` of its document. */
static attrib_status check_ids(
    const at_rules *rules, const int32_t *ids, size_t n, size_t first, attrib_error *err)
{
    for (size_t t = 0; rules->n_vocabulary && t < n; t++) {
        if ((size_t)ids[t] >= rules->n_vocabulary) {
            return at_fail(err, ATTRIB_ERANGE,
                           "token %zu: the tokenizer's id %d, the model's vocabulary has "
                           "%zu",
                           first + t, (int)ids[t], rules->n_vocabulary);
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

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The bytes of a piece that stand at text[at], or SIZE_MAX. A space before the first word
 * may be the tokenizer's own. */
static size_t match_piece(const at_buffer *text, size_t at, const char *piece, size_t n)
{
    size_t n_own =
        n && piece[0] == ' ' && (at == text->n_bytes || text->bytes[at] != ' ');
    n -= n_own;
    return n <= text->n_bytes - at && memcmp(text->bytes + at, piece + n_own, n) == 0
               ? n
               : SIZE_MAX;
}

/* Find the bytes of token t in the text from *end on: [*start, *end). False where they do
 * not stand there, but for blanks that special tokens swallow. */
static bool find_token(
    const at_rules *rules, const at_draft *draft, size_t t, size_t *start, size_t *end)
{
    const at_buffer *text = &draft->text;
    size_t n = 0;
    const char *piece = attrib_tokenizer_piece(rules->tokenizer, draft->ids[t], &n);
    size_t matched = match_piece(text, *end, piece, n);
    while (matched == SIZE_MAX && *end < text->n_bytes && is_blank(text->bytes[*end])) {
        matched = match_piece(text, ++*end, piece, n);
    }
    *start = *end;
    *end += matched == SIZE_MAX ? 0 : matched;
    return matched != SIZE_MAX;
}

/* Whether bytes [start, end) share one with a segment with loss. Segments before k end at
 * `start` or before. */
static bool is_counted(const at_segments *segments, size_t k, size_t end)
{
    for (; k < segments->n && (k == 0 || segments->items[k - 1].end < end); k++) {
        if (segments->items[k].has_loss) {
            return true;
        }
    }
    return false;
}

/* mask[t] = 1 for a token that shares a byte with a segment with loss. False where the
 * tokens' bytes are not the text, as after a normalizer that changes it. */
static bool mask_places(const at_rules *rules,
                        const at_segments *segments,
                        at_draft *draft)
{
    const at_buffer *text = &draft->text;
    size_t start = 0;
    size_t at = 0;
    size_t k = 0;
    for (size_t t = 0; t < draft->n_tokens; t++) {
        if (!find_token(rules, draft, t, &start, &at)) {
            return false;
        }
        while (k < segments->n && segments->items[k].end <= start) {
            k++;
        }
        draft->mask[t] = t > 0 && is_counted(segments, k, at);
        draft->n_predicted += draft->mask[t];
    }
    while (at < text->n_bytes && is_blank(text->bytes[at])) {
        at++;
    }
    return at == text->n_bytes;
}

/* What a chat template wrote has many segments, whose places the tokens' own bytes tell;
 * a text of two is encoded once more up to where the second begins. */
static attrib_status mask_draft(const at_rules *rules,
                                const at_segments *segments,
                                at_draft *draft,
                                attrib_error *err)
{
    if (draft->is_rendered && mask_places(rules, segments, draft)) {
        return ATTRIB_OK;
    }
    draft->n_predicted = 0;
    return mask_segments(rules, segments, draft, err);
}

/* What the ids and the mask of a long text take, which are to come: 5 bytes a token.
 * Measured with a vocabulary of 2,048 tokens, of 2.5 bytes of text each: 2.46 bytes for
 * each byte of a prompt and completion of 100 MB. Larger vocabularies take less, and one
 * of bytes alone takes more. */
#define COST_OF_IDS 2.5

/* ENOMEM, not ERANGE: a row is not bad because this process may not hold it. */
static attrib_status check_memory(const at_rules *rules,
                                  const at_draft *draft,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const double bytes = COST_OF_IDS * (double)draft->text.n_bytes;
    AT_CHECK(
        draft->text.n_bytes < AT_LONG_TEXT || at_memory_has(&rules->limit, bytes),
        ATTRIB_ENOMEM,
        "a text of %zu bytes does not fit a limit of %.0f MiB of memory: encoding it "
        "takes %.0f MiB more",
        draft->text.n_bytes, rules->limit.bytes / 0x1p20, bytes / 0x1p20);
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
    if (rules->is_text_wanted) {
        return ATTRIB_OK;
    }
    AT_CHECK(rules->tokenizer, ATTRIB_EINVAL, "text, but there is no tokenizer");
    if (draft->text.n_bytes == 0) {
        goto done;
    }
    AT_TRY(check_memory(rules, draft, err));
    AT_TRY(encode_open(rules, draft, err));
    AT_TRY(append_ends(rules, draft, err));
    AT_TRY(check_ids(rules, draft->ids, draft->n_tokens, 0, err));
    AT_TRY(at_array(draft->n_tokens, 1, &draft->mask, err));
    AT_TRY(mask_draft(rules, segments, draft, err));
done:
    if (status != ATTRIB_OK) {
        at_context(err, status, "%s", name);
    }
    return status;
}

void at_draft_borrow(at_draft *draft, const char *text, size_t n_bytes)
{
    draft->has_text = true;
    draft->borrows_text = true;
    draft->text.n_bytes = n_bytes;
    memcpy(&draft->text.bytes, &text, sizeof text); /* read only, as the flag says */
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
    at_draft_borrow(draft, text, n_bytes);
    AT_TRY(at_draft_encode(rules, name, &segments, draft, err));
done:
    return status;
}

/* Ids of a text on their way to a sink. */
typedef struct passing {
    const at_rules *rules;
    at_id_sink sink;
    size_t n_tokens;
    int32_t last;
} passing;

static attrib_status pass_ids(void *context,
                              const int32_t *ids,
                              size_t n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    passing *p = context;
    if (n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(check_ids(p->rules, ids, n, p->n_tokens, err));
    p->n_tokens += n;
    p->last = ids[n - 1];
    AT_TRY(p->sink.put(p->sink.context, ids, n, err));
done:
    return status;
}

attrib_status at_text_encode(const at_rules *rules,
                             const char *name,
                             const char *text,
                             size_t n_bytes,
                             at_id_sink sink,
                             size_t *n_tokens,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    passing p = {.rules = rules, .sink = sink, .last = -1};
    size_t n_ends = 0;
    const int32_t *ends = NULL;
    AT_CHECK(rules->tokenizer, ATTRIB_EINVAL, "text, but there is no tokenizer");
    AT_TRY(at_tokenizer_encode_to(rules->tokenizer, (attrib_text){text, n_bytes}, true,
                                  (at_id_sink){.put = pass_ids, .context = &p}, err));
    if (rules->append_eos) {
        int32_t eos = attrib_tokenizer_eos(rules->tokenizer);
        ends = attrib_tokenizer_ends(rules->tokenizer, &n_ends);
        AT_TRY(pass_ids(&p, ends, n_ends, err));
        AT_TRY(eos >= 0 && p.last != eos ? pass_ids(&p, &eos, 1, err) : ATTRIB_OK);
    }
    *n_tokens = p.n_tokens;
done:
    if (status != ATTRIB_OK && status != ATTRIB_END) {
        at_context(err, status, "%s", name);
    }
    return status;
}
