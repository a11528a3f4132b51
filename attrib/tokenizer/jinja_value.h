/* SPDX-License-Identifier: MIT */
/* Values of a template that is being run, as Python has them.
 *
 * All memory of a run comes from one bank and is given back at once, so values are shared
 * freely and never freed one by one. Every piece of text knows whose words it is: its
 * mark, which follows the bytes through slices, joins and filters up to what is printed.
 */
#ifndef AT_TOKENIZER_JINJA_VALUE_H
#define AT_TOKENIZER_JINJA_VALUE_H

#include "format/json.h"

/* 1. The bank */

typedef struct at_jinja_block at_jinja_block;

typedef struct at_jinja_bank {
    at_jinja_block *last;
    size_t n_left;  /* bytes of the last block */
    size_t n_taken; /* bytes in all */
    size_t limit;   /* bytes in all that may be taken; 0: no limit */
} at_jinja_bank;

void *at_jinja_take(at_jinja_bank *bank, size_t n); /* zeroed; NULL: none left */
void at_jinja_bank_free(at_jinja_bank *bank);

/* 2. Values */

typedef enum at_jinja_type {
    AT_JINJA_UNDEFINED,
    AT_JINJA_NONE,
    AT_JINJA_BOOL,
    AT_JINJA_INT,
    AT_JINJA_REAL,
    AT_JINJA_TEXT_VALUE,
    AT_JINJA_LIST,
    AT_JINJA_TUPLE,
    AT_JINJA_DICT,
    AT_JINJA_NAMESPACE,
    AT_JINJA_METHOD, /* of a value, by name */
    AT_JINJA_FUNCTION,
    AT_JINJA_MACRO,
    AT_JINJA_LOOP
} at_jinja_type;

/* Whose words: 0 the template's, else 1 + the place of a message, and flags. */
typedef uint32_t at_jinja_mark;
#define AT_JINJA_MESSAGE    ((at_jinja_mark)0xFFFFFF)
#define AT_JINJA_ASIDE      ((at_jinja_mark)1 << 24) /* a thought or a call */
#define AT_JINJA_GENERATION ((at_jinja_mark)1 << 25) /* inside generation tags */
#define AT_JINJA_SAFE       ((at_jinja_mark)1 << 26) /* of "safe" or "escape" */

/* Bytes up to `end` have the mark; the first of a text's begin at 0. */
typedef struct at_jinja_stretch {
    size_t end;
    at_jinja_mark mark;
} at_jinja_stretch;

typedef struct at_jinja_value at_jinja_value;

typedef struct at_jinja_pair {
    const at_jinja_value *key, *value;
} at_jinja_pair;

struct at_jinja_value {
    at_jinja_type type;
    at_jinja_mark mark; /* of a text without stretches too */

    union {
        bool boolean;
        int64_t integer;
        double real;

        struct {
            const char *bytes; /* [n] */
            size_t n;
            const at_jinja_stretch *stretches; /* [n_stretches]; 0: all have the mark */
            size_t n_stretches;
        } text;

        struct {
            const at_jinja_value **items; /* [n] */
            size_t n, capacity;
        } list; /* and tuples */

        struct {
            at_jinja_pair *pairs; /* [n] */
            size_t n, capacity;
        } dict; /* and namespaces */

        struct {
            const at_jinja_value *self; /* NULL: a function */
            const char *name;
        } method;

        const void *other; /* a macro's node, or a loop */
    } as;
};

/* 3. A run, as far as values are concerned */

typedef struct at_jinja_run at_jinja_run;

/* The bank, the first failure, and what was done so far. */
struct at_jinja_run {
    at_jinja_bank bank;
    attrib_status status;
    attrib_error *err;
    size_t n_steps;
    size_t depth;
};

/* Note a failure, the first of which stays; false or NULL for the caller to return. */
bool at_jinja_fail(at_jinja_run *r, attrib_status status, const char *format, ...)
    ATTRIB_PRINTF(3, 4);
/* Count work; false where a run has done too much. */
bool at_jinja_work(at_jinja_run *r, size_t n_steps);
/* Count a level of nesting, undone by at_jinja_leave(). */
bool at_jinja_enter(at_jinja_run *r);
void at_jinja_leave(at_jinja_run *r);

/* Makers give NULL where the run has failed. */
at_jinja_value *at_jinja_new(at_jinja_run *r, at_jinja_type type);
/* missing: undefined, of a parameter that is to have its default. */
extern const at_jinja_value at_jinja_undefined, at_jinja_missing, at_jinja_none,
    at_jinja_true, at_jinja_false;
const at_jinja_value *at_jinja_bool(bool value);
const at_jinja_value *at_jinja_int(at_jinja_run *r, int64_t value);
const at_jinja_value *at_jinja_text(at_jinja_run *r, const char *bytes, size_t n);
/* A text without its own copy of the bytes. */
const at_jinja_value *at_jinja_borrow(at_jinja_run *r, const char *bytes, size_t n);
/* Bytes from .. from + n of a text. */
const at_jinja_value *at_jinja_part(at_jinja_run *r,
                                    const at_jinja_value *text,
                                    size_t from,
                                    size_t n);
bool at_jinja_push(at_jinja_run *r, at_jinja_value *list, const at_jinja_value *item);
bool at_jinja_set(at_jinja_run *r,
                  at_jinja_value *dict,
                  const at_jinja_value *key,
                  const at_jinja_value *value);
/* Add a key that the dictionary does not hold. */
bool at_jinja_add_pair(at_jinja_run *r,
                       at_jinja_value *dict,
                       const at_jinja_value *key,
                       const at_jinja_value *value);
/* The pair, or the value, of a key; NULL where it is not there. */
at_jinja_pair *at_jinja_find_pair(const at_jinja_value *dict, const char *key, size_t n);
const at_jinja_value *at_jinja_find(const at_jinja_value *dict,
                                    const char *key,
                                    size_t n);

/* Take a key out; NULL where it is not there. */
const at_jinja_value *at_jinja_remove(at_jinja_value *dict, const char *key);

/* A copy of JSON, all of whose words have a mark. */
const at_jinja_value *at_jinja_from_json(at_jinja_run *r,
                                         const json_t *json,
                                         at_jinja_mark mark);

/* Text that is being put together. */
typedef struct at_jinja_builder {
    char *bytes;
    size_t n, capacity;
    at_jinja_stretch *stretches;
    size_t n_stretches, n_room;
    at_jinja_mark flags; /* added to every mark */
} at_jinja_builder;

/* Make room for n bytes more, where what is added is known beforehand. */
bool at_jinja_reserve(at_jinja_run *r, at_jinja_builder *b, size_t n);
bool at_jinja_add(at_jinja_run *r,
                  at_jinja_builder *b,
                  const char *bytes,
                  size_t n,
                  at_jinja_mark mark);
bool at_jinja_add_part(at_jinja_run *r,
                       at_jinja_builder *b,
                       const at_jinja_value *text,
                       size_t from,
                       size_t n);
/* Add as str() writes a value. */
bool at_jinja_add_str(at_jinja_run *r, at_jinja_builder *b, const at_jinja_value *value);
const at_jinja_value *at_jinja_built(at_jinja_run *r, const at_jinja_builder *b);

/* 4. What Python says of values */

bool at_jinja_is_true(const at_jinja_value *value);
bool at_jinja_is_text(const at_jinja_value *value);
bool at_jinja_is_list(const at_jinja_value *value); /* or a tuple */
bool at_jinja_is_dict(const at_jinja_value *value);
/* Integers and booleans, but no real numbers. */
bool at_jinja_as_int(const at_jinja_value *value, int64_t *out);
bool at_jinja_as_real(const at_jinja_value *value, double *out);
bool at_jinja_is_equal(at_jinja_run *r,
                       const at_jinja_value *left,
                       const at_jinja_value *right);
bool at_jinja_same_text(const at_jinja_value *text, const char *other);
/* -1, 0 or 1 in *out; false where they cannot be ordered. */
bool at_jinja_compare(at_jinja_run *r,
                      const at_jinja_value *left,
                      const at_jinja_value *right,
                      int *out);
const char *at_jinja_type_name(const at_jinja_value *value);
const at_jinja_value *at_jinja_str(at_jinja_run *r, const at_jinja_value *value);

/* As json.dumps(ensure_ascii=False) writes it; indent < 0: on one line. */
typedef struct at_jinja_layout {
    int indent;
    const char *item, *key; /* separators */
    bool sorts;
    bool is_ascii; /* other characters as \uXXXX */
} at_jinja_layout;

bool at_jinja_add_json(at_jinja_run *r,
                       at_jinja_builder *b,
                       const at_jinja_value *value,
                       const at_jinja_layout *layout,
                       size_t level);
/* The elements of what can be walked through: a list, the characters of a text, the keys
 * of a dictionary. */
const at_jinja_value *at_jinja_elements(at_jinja_run *r, const at_jinja_value *value);

/* 5. Names of things to call (jinja_method.c, jinja_filter.c) */

/* Arguments: [n] by place, then names. */
typedef struct at_jinja_arguments {
    const at_jinja_value **items;
    size_t n;
    at_jinja_value *named; /* a dictionary */
} at_jinja_arguments;

/* Argument i, or that of a name; NULL where there is none. */
const at_jinja_value *at_jinja_argument(const at_jinja_arguments *arguments,
                                        size_t i,
                                        const char *name);
bool at_jinja_has_method(const at_jinja_value *value, const char *name, size_t n);
const at_jinja_value *at_jinja_method(at_jinja_run *r,
                                      const at_jinja_value *self,
                                      const char *name,
                                      const at_jinja_arguments *arguments);
const at_jinja_value *at_jinja_filter(at_jinja_run *r,
                                      const char *name,
                                      const at_jinja_value *value,
                                      const at_jinja_arguments *arguments);
bool at_jinja_test(at_jinja_run *r,
                   const char *name,
                   const at_jinja_value *value,
                   const at_jinja_arguments *arguments,
                   bool *out);
/* left % right for a text: "%s" and its kin. */
const at_jinja_value *at_jinja_format(at_jinja_run *r,
                                      const at_jinja_value *text,
                                      const at_jinja_value *const *items,
                                      size_t n);
const at_jinja_value *at_jinja_format_braces(at_jinja_run *r,
                                             const at_jinja_value *text,
                                             const at_jinja_arguments *arguments);

/* Texts (jinja_text.c): where one stands in another, or SIZE_MAX; parts between others. A
 * limit below 0 is none. */
size_t at_jinja_find_text(const at_jinja_value *text,
                          const at_jinja_value *part,
                          size_t from);
size_t at_jinja_find_last(const at_jinja_value *text,
                          const at_jinja_value *part,
                          size_t to);
const at_jinja_value *at_jinja_split(at_jinja_run *r,
                                     const at_jinja_value *text,
                                     const at_jinja_value *by,
                                     int64_t limit);
const at_jinja_value *at_jinja_split_right(at_jinja_run *r,
                                           const at_jinja_value *text,
                                           const at_jinja_value *by,
                                           int64_t limit);
const at_jinja_value *at_jinja_split_lines(at_jinja_run *r, const at_jinja_value *text);
const at_jinja_value *at_jinja_partition(at_jinja_run *r,
                                         const at_jinja_value *text,
                                         const at_jinja_value *by,
                                         bool is_last);
const at_jinja_value *at_jinja_join(at_jinja_run *r,
                                    const at_jinja_value *by,
                                    const at_jinja_value *list);

/* A text with &, <, > and quotes as HTML has them; what is safe stays as it is. */
const at_jinja_value *at_jinja_escape(at_jinja_run *r, const at_jinja_value *value);
/* Whether a text is safe: what it is joined with is escaped. */
bool at_jinja_is_safe(const at_jinja_value *value);

/* Filters of lists (jinja_list.c). */
const at_jinja_value *at_jinja_refuse(at_jinja_run *r,
                                      const char *name,
                                      const at_jinja_value *value);
bool at_jinja_is_set(const at_jinja_arguments *arguments, size_t i, const char *name);
const at_jinja_value *at_jinja_attribute(at_jinja_run *r,
                                         const at_jinja_value *value,
                                         const at_jinja_value *path);
const at_jinja_value *at_jinja_sort(at_jinja_run *r,
                                    const at_jinja_value *value,
                                    const at_jinja_arguments *arguments);
const at_jinja_value *at_jinja_unique(at_jinja_run *r,
                                      const at_jinja_value *value,
                                      const at_jinja_arguments *arguments);
const at_jinja_value *at_jinja_sort_dict(at_jinja_run *r,
                                         const at_jinja_value *value,
                                         const at_jinja_arguments *arguments);
const at_jinja_value *at_jinja_join_list(at_jinja_run *r,
                                         const at_jinja_value *value,
                                         const at_jinja_arguments *arguments);
/* The least or the greatest element. */
const at_jinja_value *at_jinja_extreme(at_jinja_run *r,
                                       const at_jinja_value *value,
                                       bool is_least);
const at_jinja_value *at_jinja_sum(at_jinja_run *r, const at_jinja_value *value);
const at_jinja_value *at_jinja_reverse(at_jinja_run *r, const at_jinja_value *value);
const at_jinja_value *at_jinja_end_of(at_jinja_run *r,
                                      const at_jinja_value *value,
                                      bool is_last);

/* value[key] and value.key: undefined where there is none. */
const at_jinja_value *at_jinja_item(at_jinja_run *r,
                                    const at_jinja_value *value,
                                    const at_jinja_value *key);
/* Python's blanks around a text; trimmed from either end, or characters of `set`. */
const at_jinja_value *at_jinja_strip(at_jinja_run *r,
                                     const at_jinja_value *text,
                                     const at_jinja_value *set,
                                     bool from_left,
                                     bool from_right);
const at_jinja_value *at_jinja_replace(at_jinja_run *r,
                                       const at_jinja_value *text,
                                       const at_jinja_value *old,
                                       const at_jinja_value *new,
                                       int64_t limit);
/* 'l' lower, 'u' upper, 't' title (as the filter: after blanks and brackets), 'c'
 * capitalize */
const at_jinja_value *at_jinja_change_case(at_jinja_run *r,
                                           const at_jinja_value *text,
                                           char how);
const at_jinja_value *at_jinja_pairs(at_jinja_run *r,
                                     const at_jinja_value *dict,
                                     char what);
size_t at_jinja_length(const at_jinja_value *value);

#define AT_JINJA_MAX_DEPTH 400
#define AT_JINJA_MAX_STEPS ((size_t)20000000)
#define AT_JINJA_MAX_BANK  ((size_t)256 << 20)

#endif
