/* SPDX-License-Identifier: MIT */
/* Jinja: scopes, which hold the variables of blocks. Macros keep the scope in which they
 * were made, so a scope that a macro may need is never used again. */
#include <string.h>

#include "tokenizer/jinja_tree.h"

static bool push_binding(at_jinja_walk *w, int symbol, const at_jinja_value *value)
{
    at_jinja_scope *s = w->scope;
    if (s->n == s->capacity) {
        size_t wanted = s->capacity ? 2 * s->capacity : 4;
        at_jinja_binding *grown = at_jinja_take(&w->r->bank, wanted * sizeof *grown);
        if (!grown) {
            return at_jinja_fail(w->r, ATTRIB_ERANGE, "too many variables");
        }
        if (s->n) {
            memcpy(grown, s->bindings, s->n * sizeof *grown);
        }
        s->bindings = grown;
        s->capacity = wanted;
    }
    s->bindings[s->n++] = (at_jinja_binding){symbol, value};
    return true;
}

bool at_jinja_bind(at_jinja_walk *w, int symbol, const at_jinja_value *value)
{
    for (size_t i = 0; i < w->scope->n; i++) {
        if (w->scope->bindings[i].symbol == symbol) {
            w->scope->bindings[i].value = value;
            return true;
        }
    }
    return push_binding(w, symbol, value);
}

const at_jinja_value *at_jinja_find_variable(const at_jinja_walk *w, int symbol)
{
    for (const at_jinja_scope *s = w->scope; s; s = s->outer) {
        for (size_t i = 0; i < s->n; i++) {
            if (s->bindings[i].symbol == symbol) {
                return s->bindings[i].value;
            }
        }
    }
    return NULL;
}

bool at_jinja_open_scope(at_jinja_walk *w, at_jinja_scope *outer)
{
    at_jinja_scope *made = w->spare;
    if (made) {
        w->spare = made->outer;
    } else if (!(made = at_jinja_take(&w->r->bank, sizeof *made))) {
        return at_jinja_fail(w->r, ATTRIB_ERANGE, "too many scopes");
    }
    made->outer = outer;
    w->scope = made;
    return true;
}

void at_jinja_close_scope(at_jinja_walk *w, at_jinja_scope *before)
{
    at_jinja_scope *closed = w->scope;
    w->scope = before;
    if (!closed->is_kept) {
        closed->n = 0;
        closed->outer = w->spare;
        w->spare = closed;
    }
}

const at_jinja_value *at_jinja_make_macro(at_jinja_walk *w, const at_jinja_node *node)
{
    at_jinja_value *made = at_jinja_new(w->r, AT_JINJA_MACRO);
    at_jinja_macro *macro = made ? at_jinja_take(&w->r->bank, sizeof *macro) : NULL;
    if (!macro) {
        at_jinja_fail(w->r, ATTRIB_ERANGE, "too many macros");
        return NULL;
    }
    *macro = (at_jinja_macro){node, w->scope};
    made->as.other = macro;
    for (at_jinja_scope *s = w->scope; s && !s->is_kept; s = s->outer) {
        s->is_kept = true;
    }
    return made;
}
