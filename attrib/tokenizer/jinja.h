/* SPDX-License-Identifier: MIT */
/* Enough of Jinja to run the chat templates that models come with: if, for, set,
 * namespaces, and the filters, tests and methods that they use. It is run on a few
 * made-up conversations only, to tell which of the known forms a template has (chat.h):
 * what is not known here is ENOTSUP by name, and the template then is not recognized.
 *
 * Blanks are as transformers sets them: trim_blocks and lstrip_blocks. Values are JSON;
 * NULL is undefined.
 *
 * Source: Jinja 3.1, docs/templates.rst. */
#ifndef AT_TOKENIZER_JINJA_H
#define AT_TOKENIZER_JINJA_H

#include "format/json.h"

typedef enum at_jinja_kind {
    AT_JINJA_TEXT,
    AT_JINJA_BLOCK, /* {% */
    AT_JINJA_PRINT, /* {{ */
    AT_JINJA_CLOSE, /* %} and }} */
    AT_JINJA_NAME,
    AT_JINJA_STRING,
    AT_JINJA_INTEGER,
    AT_JINJA_OPERATOR,
    AT_JINJA_END /* the last, once */
} at_jinja_kind;

typedef struct at_jinja_token {
    at_jinja_kind kind;
    size_t start, n_bytes; /* in the bank; of strings without quotes and escapes */
} at_jinja_token;

typedef struct at_jinja {
    at_jinja_token *tokens; /* [n_tokens] */
    size_t n_tokens, capacity;
    at_buffer bank;
} at_jinja;

/* Cut a template [n] into tokens. EFORMAT where it is broken, ERANGE where it is longer
 * than templates are. */
attrib_status at_jinja_read(const char *text, size_t n, at_jinja *out, attrib_error *err);
void at_jinja_free(at_jinja *template);

/* Run a template with variables (an object), appending its text to *out. *has_raised says
 * that the template refused them by raise_exception(); the status is EINVAL then. ENOTSUP
 * for what is not known, EFORMAT for what is broken, ERANGE for too long a run. */
attrib_status at_jinja_run(const at_jinja *template,
                           json_t *variables,
                           at_buffer *out,
                           bool *has_raised,
                           attrib_error *err);

/* What expressions do with values (jinja_value.c). Results are owned; NULL is undefined,
 * or a failure where the status says so. */

/* Python's truth. */
bool at_jinja_is_true(json_t *value);
/* Append as str() writes it; ENOTSUP for lists and dictionaries. */
attrib_status at_jinja_append(at_buffer *out, json_t *value, attrib_error *err);
attrib_status at_jinja_binary(
    const char *sign, json_t *left, json_t *right, json_t **out, attrib_error *err);
attrib_status at_jinja_test(const char *test,
                            json_t *value,
                            bool *out,
                            attrib_error *err);
attrib_status at_jinja_filter(const char *filter,
                              json_t *value,
                              json_t *arguments,
                              json_t **out,
                              attrib_error *err);
attrib_status at_jinja_method(
    const char *method, json_t *self, json_t *arguments, json_t **out, attrib_error *err);
/* value[key], or value.key: undefined where there is none. */
attrib_status at_jinja_get(json_t *value, json_t *key, json_t **out, attrib_error *err);
/* value[from:to:step]; NULL for what is left out. */
attrib_status at_jinja_slice(json_t *value,
                             json_t *const bounds[3],
                             json_t **out,
                             attrib_error *err);

/* Bytes of a value's text, and elements of a list, that may be made. */
#define AT_JINJA_MAX_TEXT ((size_t)1 << 16)
#define AT_JINJA_MAX_LIST ((size_t)1 << 12)

#endif
