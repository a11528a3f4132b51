/* SPDX-License-Identifier: MIT */
/* What a row of JSON holds, told by the names of its fields: for documents and queries
 * alike. */
#ifndef AT_CORPUS_SHAPE_H
#define AT_CORPUS_SHAPE_H

#include "corpus/draft.h"

typedef enum at_shape_kind {
    AT_SHAPE_NONE,
    AT_SHAPE_TOKENS,
    AT_SHAPE_TURNS,       /* a list of messages */
    AT_SHAPE_PAIR,        /* a prompt and its completion; either may be messages */
    AT_SHAPE_INSTRUCTION, /* the same, where an input may follow what is asked */
    AT_SHAPE_INSTANCES,   /* an instruction and a list of inputs with outputs */
    AT_SHAPE_TEXT,
} at_shape_kind;

/* Fields are keys of the row or paths into it; borrowed from the rules, or static. */
typedef struct at_shape {
    at_shape_kind kind;
    const char *asked;    /* tokens, messages, the prompt or instruction, the text */
    const char *answered; /* the completion, or the instances; NULL where there is none */
    const char *input;    /* of an instruction; NULL where there is none */
    const char *rejected; /* of a pair of two sides, stands in the other's place; NULL */
    bool hides_text;      /* the row has a text too, which is not read */
} at_shape;

/* The shape of a row: a pair of two sides; tokens; what options name; messages; a prompt
 * with its completion, by the table in shape.c; the text. Where no field has the name of
 * a completion but one has that of a prompt, `answered` is NULL. ENOTSUP for fields that
 * say more of the text than is read, ESHAPE where several may be the completion, EFORMAT
 * for what no text holds in a field that is read. */
attrib_status at_row_shape(const at_rules *rules,
                           const char *name,
                           json_t *row,
                           at_shape *out,
                           attrib_error *err);

/* The fields that are not read under a shape, or those that the rules name, as tags of a
 * draft: scalars and lists of them, those of nested objects under their path. Not const
 * for jansson, which iterates only so. */
attrib_status at_shape_tags(const at_rules *rules,
                            const at_shape *shape,
                            json_t *row,
                            at_draft *draft,
                            attrib_error *err);

/* Whether a value of the row, under this key where it is one of its members, is read
 * under a shape, so that it is no tag. */
bool at_shape_reads(const at_rules *rules,
                    const at_shape *shape,
                    const json_t *row,
                    const char *key,
                    const json_t *value);

/* Whether a field may be read, or be a tag, of rows whose fields are not known yet:
 * `path` names the members that lead to it, "meta.source". Binary is read only where a
 * name asks for it. */
bool at_rules_read(const at_rules *rules, const char *path, bool is_binary);

/* What a pair or an instruction asks: the prompt; or the instruction and the input (of
 * `instance`, which may be the row). Templates of instructions say what stands between
 * the two; without a template (NULL) it is instruction "\n" [input "\n"]. */
attrib_status at_shape_ask(const at_shape *shape,
                           const char *name,
                           const json_t *row,
                           const json_t *instance,
                           const at_chat *chat,
                           at_buffer *out,
                           attrib_error *err);

#endif
