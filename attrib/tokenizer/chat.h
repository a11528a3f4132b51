/* SPDX-License-Identifier: MIT */
/* Chat templates: conversations as the text that a model was tuned on, and which of it
 * the assistant says.
 *
 * A conversation is given to the model's own template (Jinja), or to one by name or from
 * a file, as it is: what the template prints is what the model saw. What counts in the
 * loss:
 *
 * - Where the template has generation tags, what stands inside of them, and nothing else.
 * - Else what is printed of an assistant's turn (its content, thoughts and calls), from
 *   its first character to its last. Every character knows the turn that it came from, so
 *   this is the text that two renderings with different marks in place of the turn's
 *   strings would differ in, found in one. Before a thought or a call the text that opens
 *   it counts too, back to where the template's own prompt for the assistant ends, but an
 *   empty thought that the template adds does not.
 * - The token that ends the turn, blanks before it included, where it is one of those
 *   that the model stops at; after a thought or a call with what closes that.
 *
 * A turn that the template leaves out, or prints in more than one place, is ENOTSUP. */
#ifndef AT_TOKENIZER_CHAT_H
#define AT_TOKENIZER_CHAT_H

#include "attrib/tokenizer.h"
#include "format/json.h"

/* A template with what it is given of a model; borrowed by those who render. */
typedef struct at_chat at_chat;

/* Who speaks. */
typedef enum at_chat_role {
    AT_CHAT_SYSTEM,
    AT_CHAT_USER,
    AT_CHAT_ASSISTANT,
    AT_CHAT_OTHER /* tool, developer, ...: the template's matter */
} at_chat_role;

/* One message, {role, content, ...} as the template sees it. */
typedef struct at_chat_message {
    const json_t *json;
    bool is_said; /* by the assistant, and it counts */
} at_chat_message;

/* How a conversation ends. */
typedef enum at_chat_end {
    AT_CHAT_CLOSED, /* as it is trained on */
    AT_CHAT_ASKS,   /* with the prompt for the assistant to speak */
    AT_CHAT_OPEN    /* inside the last turn, the assistant's: its end is left out, and
                     * only it counts as said */
} at_chat_end;

typedef struct at_chat_conversation {
    const at_chat_message *messages; /* [n] */
    size_t n;
    const json_t *tools; /* or NULL */
    at_chat_end end;
} at_chat_conversation;

/* Who takes the text, part by part. */
typedef struct at_chat_sink {
    void *context;
    attrib_status (*put)(void *context,
                         const char *text,
                         size_t n_bytes,
                         bool is_said, /* by the assistant, or the end of its turn */
                         attrib_error *err);
} at_chat_sink;

/* "chatml, llama2, ...": all names, for messages; written into `out`. */
const char *at_chat_names(char *out, size_t size);

/* Copy a date "YYYY-MM-DD"; NULL: today. EINVAL for what is no day. */
attrib_status at_chat_read_date(const char *date, char out[11], attrib_error *err);

/* Open a template: `name` NULL or "model" for the model's own, a name of the list, or a
 * file. *out is NULL for "plain", and for the model's own where it has none. `date`
 * "YYYY-MM-DD" is what templates take for today; NULL: today. EINVAL for a name that is
 * neither known nor a file, and for one whose tokens the vocabulary does not have;
 * EFORMAT or ENOTSUP for a template that cannot be run. */
attrib_status at_chat_open(const attrib_tokenizer *tokenizer,
                           const char *name,
                           const char *date,
                           at_chat **out,
                           attrib_error *err);
void at_chat_close(at_chat *chat);

/* The day that the template takes for today, "2026-11-30"; "" where it asks for none. */
const char *at_chat_date(const at_chat *chat);

/* What stands between an instruction and its input where the template says; else "\n". */
const char *at_chat_input(const at_chat *chat);

/* Whether the model answers in turns: the template ends what the assistant says, blanks
 * before it aside, in a token that the model's own files name as an end (eos_token,
 * eos_token_id). A base model that ships the template of its tuned sibling ends in
 * another token. Fails without memory only. */
attrib_status at_chat_answers(const at_chat *chat, bool *out, attrib_error *err);
/* Whether the template goes through content that is given in parts, [{"type": "text",
 * "text": ...}, ...], for a role; other templates expect a string. */
bool at_chat_takes_parts(const at_chat *chat, at_chat_role role);

/* Write a conversation. EINVAL where the template refuses it,
 * ENOTSUP where it does what is not known here or hides what the assistant says, ERANGE
 * at a limit of the interpreter. */
attrib_status at_chat_write(const at_chat *chat,
                            const at_chat_conversation *conversation,
                            at_chat_sink sink,
                            attrib_error *err);

/* What a chat asks of a tokenizer apart from its public functions (config.c). */

/* Special tokens other than BOS and EOS that templates know by name: "unk_token", ... */
#define AT_SPECIAL_NAMES 5
extern const char *const at_special_names[AT_SPECIAL_NAMES];
/* The id of special token i, or -1. */
int32_t at_tokenizer_special(const attrib_tokenizer *tokenizer, size_t i);
/* How many of its stops the model's own files name; these come first. */
size_t at_tokenizer_n_own_stops(const attrib_tokenizer *tokenizer);
/* Whether a text is a token. */
bool at_tokenizer_has(const attrib_tokenizer *tokenizer, const char *token);
/* The model's own template; *problem says why it cannot be run. */
struct at_jinja;
const struct at_jinja *at_tokenizer_template(const attrib_tokenizer *tokenizer,
                                             const attrib_error **problem);

/* The Jinja source of a named template, or NULL (chat_named.c). */
typedef struct at_chat_named {
    const char *name, *source;
    const char *tokens[4]; /* that the vocabulary must have */
    bool needs_eos;
    const char *input; /* between an instruction and its input; NULL: a newline */
} at_chat_named;

const at_chat_named *at_chat_find(const char *name);

#endif
