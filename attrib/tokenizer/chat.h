/* SPDX-License-Identifier: MIT */
/* Chat templates: conversations as the text that a model was tuned on.
 *
 * A template is one of the forms of a table, with a few settings that models of one form
 * differ in. Which form a model's own template (Jinja) has is found by running it on
 * made-up conversations and comparing the text with what each form makes of them, byte by
 * byte: a template that does anything else, for blanks too, is not recognized, and one
 * that is spelled differently but does the same is. */
#ifndef AT_TOKENIZER_CHAT_H
#define AT_TOKENIZER_CHAT_H

#include "attrib/tokenizer.h"
#include "format/json.h"

typedef enum at_chat_role {
    AT_CHAT_SYSTEM,
    AT_CHAT_USER,
    AT_CHAT_ASSISTANT
} at_chat_role;

/* What a message becomes: before[content]after. In all texts of a form "\1" stands for
 * the text of the token that begins a document, and "\2" for the one that ends it. */
typedef struct at_chat_frame {
    const char *before, *after; /* before NULL: there is no such message */
} at_chat_frame;

typedef struct at_chat_form {
    const char *name;
    const char *start; /* of a conversation */
    at_chat_frame system, user;
    const char *header;     /* before what the assistant says: the prompt to speak */
    at_chat_frame said;     /* what the assistant says, up to the end of its turn */
    const char *tail;       /* behind its turn */
    const char *finish;     /* of a conversation without a prompt to speak */
    const char *standard;   /* system message where there is none; NULL: none */
    const char *with_input; /* the same for instructions with an input */
    const char *input;      /* between an instruction and its input */
    bool merges_system;     /* the system message goes into the first user's */
    bool trims;             /* blanks around the system's and the user's messages */
    bool trims_said;        /* around the assistant's */
    bool trims_merged;      /* around the system's and the user's as one */
    bool alternates;        /* user and assistant must take turns, the user first */
    bool thinks;            /* the last turn begins with an empty thought */
} at_chat_form;

/* A form with its settings. Borrows all it points to. */
typedef struct at_chat {
    const at_chat_form *form; /* NULL: plain */
    const char *start, *finish, *standard;
    bool trims, trims_said, alternates;
    bool takes_system;
    bool hides_thoughts;   /* what an assistant thinks does not come out as it stands */
    bool asks_always;      /* behind a user's last message, asked for or not */
    const char *bos, *eos; /* texts of the tokens; eos may be NULL */
    size_t n_bos, n_eos;
} at_chat;

typedef struct at_chat_turn {
    at_chat_role role;
    const char *text; /* [n_bytes] */
    size_t n_bytes;
    bool is_silent; /* the row says that the assistant is not trained on it */
} at_chat_turn;

/* How a conversation ends. */
typedef enum at_chat_end {
    AT_CHAT_CLOSED, /* as it is trained on */
    AT_CHAT_ASKS,   /* with the prompt for the assistant to speak */
    AT_CHAT_OPEN    /* inside the last turn, the assistant's: its end is left out, and
                     * only it counts as said */
} at_chat_end;

/* Who takes the text, part by part. */
typedef struct at_chat_sink {
    void *context;
    attrib_status (*put)(void *context,
                         const char *text,
                         size_t n_bytes,
                         bool is_said, /* by the assistant, or the end of its turn */
                         attrib_error *err);
} at_chat_sink;

/* The forms, [*n]. */
const at_chat_form *at_chat_forms(size_t *n);

/* "chatml, llama2, ...": all names, for messages; written into `out`. */
const char *at_chat_names(char *out, size_t size);

/* The form of a name with its usual settings; "plain" has form NULL. EINVAL with the list
 * of names for one that is not there. */
attrib_status at_chat_by_name(const attrib_tokenizer *tokenizer,
                              const char *name,
                              at_chat *out,
                              attrib_error *err);

/* The model's own: form NULL where it has no template. ENOTSUP with the list of names
 * where it has one that is not recognized. */
attrib_status at_chat_of_model(const attrib_tokenizer *tokenizer,
                               at_chat *out,
                               attrib_error *err);

/* What kept the model's own template from being recognized; "" where nothing did. */
const char *at_chat_problem(const attrib_tokenizer *tokenizer);

/* Write a conversation. EFORMAT for roles that the template refuses, ENOTSUP for messages
 * that it would change or leave out. */
attrib_status at_chat_write(const at_chat *chat,
                            const at_chat_turn *turns,
                            size_t n_turns,
                            at_chat_end end,
                            at_chat_sink sink,
                            attrib_error *err);

/* The settings under which some form does as a template [n] does. *standard is owned, the
 * system message that the template puts where there is none, or NULL. *is_known false:
 * `why` says what kept it from being recognized. */
attrib_status at_chat_recognize(const attrib_tokenizer *tokenizer,
                                const char *source,
                                size_t n,
                                at_chat *out,
                                char **standard,
                                bool *is_known,
                                attrib_error *why,
                                attrib_error *err);

#endif
