/* SPDX-License-Identifier: MIT */
/* Jinja as far as chat templates use it: if, for, set, macros, calls, namespaces,
 * generation tags, and the filters, tests and methods that they call. What is not known
 * here is ENOTSUP by name.
 *
 * A template is read once, into a tree, and run for every conversation. Blanks are as
 * transformers sets them: trim_blocks and lstrip_blocks. Every run is bounded in steps,
 * depth and memory, each named when it is reached: AT_JINJA_MAX_STEPS, _DEPTH and _BANK.
 *
 * Source: Jinja 3.1, docs/templates.rst; transformers, utils/chat_template_utils.py. */
#ifndef AT_TOKENIZER_JINJA_H
#define AT_TOKENIZER_JINJA_H

#include "tokenizer/jinja_value.h"

typedef struct at_jinja_node at_jinja_node;

/* A template that was read; read-only, so it may be run by several threads at once. */
typedef struct at_jinja {
    at_jinja_bank bank;        /* of the tree */
    const at_jinja_node *body; /* NULL: an empty template */
    const char **names;        /* [n_names] of variables; the bank's */
    size_t n_names;
    bool has_generation; /* tags {% generation %} */
} at_jinja;

/* Read a template [n]. EFORMAT where it is broken, ERANGE where it is longer or deeper
 * than templates are, ENOTSUP for statements that are not known. */
attrib_status at_jinja_read(const char *text, size_t n, at_jinja *out, attrib_error *err);
void at_jinja_free(at_jinja *template);

/* A variable that a template is given. */
typedef struct at_jinja_variable {
    const char *name;
    const at_jinja_value *value; /* NULL: undefined */
} at_jinja_variable;

/* Run a template with variables [n]; values are made by the same run, which the caller
 * opens and closes. `date` is what strftime_now() knows of time: "2026-11-30". The text
 * stays the run's. EINVAL where the template refuses by raise_exception(), or does what
 * Python would fail at; ENOTSUP for what is not known; ERANGE at a limit. */
attrib_status at_jinja_print(at_jinja_run *r,
                             const at_jinja *template,
                             const at_jinja_variable *variables,
                             size_t n,
                             const char *date,
                             const at_jinja_value **out);
void at_jinja_open(at_jinja_run *r, attrib_error *err);
void at_jinja_close(at_jinja_run *r);

#endif
