/* SPDX-License-Identifier: MIT */
/* Added tokens: reading them, and splitting them out: leftmost first, then longest. */
#include "tokenizer/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"

/* Longer ones are no tokens, and would make a search slow. */
#define MAX_PATTERN ((size_t)512)

/* 1. Reading */

static attrib_status check_text(
    const char *name, const json_t *json, const char **text, size_t *n, attrib_error *err)
{
    const json_t *content = json_object_get(json, "content");
    *text = json_string_value(content);
    *n = json_string_length(content);
    if (!*text || *n == 0) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: an added token without \"content\"",
                       name);
    }
    if (*n > MAX_PATTERN) {
        return at_fail(err, ATTRIB_ERANGE,
                       "%s: an added token of %zu bytes, at most %zu are read", name, *n,
                       MAX_PATTERN);
    }
    return ATTRIB_OK;
}

/* Put the token of an id and a text into the vocabulary, unless the model has it. */
static attrib_status place(const char *name,
                           at_vocabulary *vocabulary,
                           size_t id,
                           const char *text,
                           size_t n,
                           attrib_error *err)
{
    int32_t found = at_vocabulary_find(vocabulary, text, n);
    if (found < 0) {
        return at_vocabulary_add(vocabulary, name, id, text, n, err);
    }
    if ((size_t)found != id) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: added token \"%.64s\" has id %zu, and %d in the vocabulary",
                       name, text, id, (int)found);
    }
    return ATTRIB_OK;
}

static attrib_status add_to_set(const char *text,
                                size_t n,
                                at_added_token token,
                                at_added_set *set,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_grow(&set->tokens, &set->capacity, set->n_tokens + 1, sizeof token, err));
    AT_TRY(at_copy_text(text, n, &token.pattern, err));
    token.n_pattern = n;
    set->tokens[set->n_tokens++] = token;
done:
    return status;
}

/* Add a token as what the normalizer makes of its text. */
static attrib_status add_normalized(const at_normalizer *normalizer,
                                    const char *text,
                                    size_t n,
                                    at_added_token token,
                                    at_added_set *set,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_normalized normalized = {0};
    AT_TRY(at_normalize(normalizer, text, n, &normalized, err));
    AT_CHECK(normalized.n_bytes > 0, ATTRIB_ENOTSUP,
             "added token \"%.64s\" is empty once normalized", text);
    AT_TRY(add_to_set(normalized.text, normalized.n_bytes, token, set, err));
done:
    at_normalized_free(&normalized);
    return status;
}

static attrib_status read_token(const char *name,
                                const json_t *json,
                                const at_normalizer *normalizer,
                                at_vocabulary *vocabulary,
                                at_added_tokens *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_added_token token = {0};
    const char *text = NULL;
    size_t n = 0;
    size_t id = SIZE_MAX;
    bool is_special = false;
    bool is_normalized = false;
    AT_TRY(at_json_bool(name, json, "special", &is_special, NULL, err));
    AT_TRY(check_text(name, json, &text, &n, err));
    AT_TRY(at_json_size(name, json, "id", &id, NULL, err));
    AT_CHECK(id != SIZE_MAX, ATTRIB_EFORMAT, "%s: added token \"%.64s\" has no id", name,
             text);
    is_normalized = !is_special;
    AT_TRY(at_json_bool(name, json, "normalized", &is_normalized, NULL, err));
    AT_TRY(at_json_bool(name, json, "single_word", &token.is_single_word, NULL, err));
    AT_TRY(at_json_bool(name, json, "lstrip", &token.strips_left, NULL, err));
    AT_TRY(at_json_bool(name, json, "rstrip", &token.strips_right, NULL, err));
    AT_TRY(place(name, vocabulary, id, text, n, err));
    token.id = (int32_t)id;
    vocabulary->tokens[id].is_added = true;
    vocabulary->tokens[id].is_special = is_special;
    status = is_normalized
                 ? add_normalized(normalizer, text, n, token, &out->normalized, err)
                 : add_to_set(text, n, token, &out->raw, err);
    if (status == ATTRIB_ENOTSUP) {
        at_context(err, status, "%s", name);
    }
done:
    return status;
}

static int compare_tokens(const void *left, const void *right)
{
    const at_added_token *a = left;
    const at_added_token *b = right;
    size_t n = a->n_pattern < b->n_pattern ? a->n_pattern : b->n_pattern;
    int order = memcmp(a->pattern, b->pattern, n);
    if (order == 0) {
        order = (a->n_pattern > b->n_pattern) - (a->n_pattern < b->n_pattern);
    }
    return order ? order : (a->id > b->id) - (a->id < b->id);
}

/* Sort a set. Two tokens of one pattern cannot be told apart in a text. */
static attrib_status sort_set(const char *name, at_added_set *set, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t i = 0;
    if (set->n_tokens) {
        qsort(set->tokens, set->n_tokens, sizeof *set->tokens, compare_tokens);
    }
    for (size_t j = 1; j < set->n_tokens; j++) {
        const at_added_token *a = &set->tokens[j - 1];
        const at_added_token *b = &set->tokens[j];
        AT_CHECK(a->n_pattern != b->n_pattern ||
                     memcmp(a->pattern, b->pattern, a->n_pattern) != 0,
                 ATTRIB_EFORMAT, "%s: added tokens %d and %d are both \"%.64s\"", name,
                 (int)a->id, (int)b->id, a->pattern);
    }
    for (size_t byte = 0; byte <= 256; byte++) {
        while (i < set->n_tokens && (unsigned char)set->tokens[i].pattern[0] < byte) {
            i++;
        }
        set->first[byte] = i;
    }
done:
    return status;
}

attrib_status at_added_tokens_read(const char *name,
                                   const json_t *json,
                                   const at_normalizer *normalizer,
                                   at_vocabulary *vocabulary,
                                   at_added_tokens *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_added_tokens added = {0};
    AT_CHECK(!json || json_is_null(json) || json_is_array(json), ATTRIB_EFORMAT,
             "%s: key \"added_tokens\": expected an array", name);
    for (size_t i = 0; i < json_array_size(json); i++) {
        AT_TRY(read_token(name, json_array_get(json, i), normalizer, vocabulary, &added,
                          err));
    }
    AT_TRY(sort_set(name, &added.raw, err));
    AT_TRY(sort_set(name, &added.normalized, err));
    AT_TRY(at_vocabulary_sort(vocabulary, name, err));
    *out = added;
    added = (at_added_tokens){0};
done:
    at_added_tokens_free(&added);
    return status;
}

static void free_set(at_added_set *set)
{
    for (size_t i = 0; i < set->n_tokens; i++) {
        free(set->tokens[i].pattern);
    }
    free(set->tokens);
    memset(set, 0, sizeof *set);
}

void at_added_tokens_free(at_added_tokens *added)
{
    free_set(&added->raw);
    free_set(&added->normalized);
}

/* 2. Searching */

/* The longest token that text [n], n >= 1, begins with; NULL: none. Among the sorted
 * tokens [low, high) that share the first `length` bytes, the shortest comes first. */
static const at_added_token *match_at(const at_added_set *set, const char *text, size_t n)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t low = set->first[bytes[0]];
    size_t high = set->first[bytes[0] + 1];
    const at_added_token *longest = NULL;
    for (size_t length = 1; low < high; length++) {
        if (set->tokens[low].n_pattern == length) {
            longest = &set->tokens[low++];
        }
        if (length == n) {
            break;
        }
        /* Narrow to those whose next byte is the text's. */
        size_t stop = high;
        for (size_t right = high; low < right;) {
            size_t middle = low + (right - low) / 2;
            if ((unsigned char)set->tokens[middle].pattern[length] < bytes[length]) {
                low = middle + 1;
            } else {
                right = middle;
            }
        }
        for (size_t left = low; left < stop;) {
            size_t middle = left + (stop - left) / 2;
            if ((unsigned char)set->tokens[middle].pattern[length] <= bytes[length]) {
                left = middle + 1;
            } else {
                stop = middle;
            }
        }
        high = stop;
    }
    return longest;
}

/* Whether no character of a word touches the match at [start, end). */
static bool is_alone(const at_added_search *s, size_t start, size_t end)
{
    uint32_t before = ' ';
    uint32_t after = ' ';
    if (start > 0) {
        at_get_last_character(s->text, start, &before);
    }
    if (end < s->n_bytes) {
        at_get_character(s->text + end, &after);
    }
    return !at_is_word(before) && !at_is_word(after);
}

/* Where white space from `start` on ends. What was found is kept, as tokens that are
 * white space themselves ask again for every part of it. */
static size_t skip_spaces(at_added_search *s, size_t start)
{
    size_t end = start;
    uint32_t character = 0;
    if (start >= s->spaces_start && start <= s->spaces_end) {
        return s->spaces_end;
    }
    while (end < s->n_bytes) {
        size_t length = at_get_character(s->text + end, &character);
        if (!at_is_space(character)) {
            break;
        }
        end += length;
    }
    s->spaces_start = start;
    s->spaces_end = end;
    return end;
}

/* The match with the white space that its token takes. */
static at_added_part widen(at_added_search *s,
                           const at_added_token *token,
                           size_t start,
                           size_t end)
{
    uint32_t character = 0;
    if (token->strips_left && start < s->done) {
        start = s->done; /* the token before took its white space already */
    }
    while (token->strips_left && start > s->done) {
        size_t length = at_get_last_character(s->text, start, &character);
        if (!at_is_space(character)) {
            break;
        }
        start -= length;
    }
    end = token->strips_right ? skip_spaces(s, end) : end;
    return (at_added_part){start, end > start ? end - start : 0, token->id};
}

static bool find_token(at_added_search *s, at_added_part *out)
{
    const at_added_set *set = s->set;
    while (s->from < s->n_bytes) {
        unsigned char first = (unsigned char)s->text[s->from];
        const at_added_token *token =
            set->first[first] == set->first[first + 1]
                ? NULL
                : match_at(set, s->text + s->from, s->n_bytes - s->from);
        if (!token) {
            s->from++;
            continue;
        }
        size_t start = s->from;
        s->from += token->n_pattern;
        if (!token->is_single_word || is_alone(s, start, s->from)) {
            *out = widen(s, token, start, s->from);
            return true;
        }
    }
    return false;
}

void at_added_begin(const at_added_set *set,
                    const char *text,
                    size_t n,
                    at_added_search *out)
{
    *out = (at_added_search){.set = set, .text = text, .n_bytes = n};
    if (set->n_tokens == 0) {
        out->from = n;
    }
}

bool at_added_next(at_added_search *search, at_added_part *out)
{
    for (;;) {
        if (search->has_waiting) {
            *out = search->waiting;
            search->has_waiting = false;
            return true;
        }
        at_added_part token = {search->n_bytes, 0, -1};
        bool is_found = find_token(search, &token);
        at_added_part between = {search->done, 0, -1};
        if (search->done < token.start) {
            between.n_bytes = token.start - search->done;
        }
        search->done = token.start + token.n_bytes;
        search->waiting = token;
        search->has_waiting = token.n_bytes > 0;
        if (between.n_bytes) {
            *out = between;
            return true;
        }
        if (!is_found) {
            return false;
        }
    }
}
