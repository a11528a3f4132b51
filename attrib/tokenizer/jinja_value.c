/* SPDX-License-Identifier: MIT */
/* Jinja: values, as Python treats them.
 *
 *   1. Truth, equality, text   2. Operators   3. Members   4. Tests   5. Methods
 *   6. Filters */
#include "tokenizer/jinja.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"

/* 1. Truth, equality, text */

bool at_jinja_is_true(json_t *value)
{
    if (!value) {
        return false;
    }
    switch (json_typeof(value)) {
    case JSON_STRING:
        return json_string_length(value) > 0;
    case JSON_INTEGER:
        return json_integer_value(value) != 0;
    case JSON_REAL:
        return json_real_value(value) < 0 || json_real_value(value) > 0;
    case JSON_ARRAY:
        return json_array_size(value) > 0;
    case JSON_OBJECT:
        return json_object_size(value) > 0;
    case JSON_TRUE:
        return true;
    case JSON_FALSE:
    case JSON_NULL:
        break;
    }
    return false;
}

/* Booleans are integers to Python. */
static bool as_integer(json_t *value, json_int_t *out)
{
    *out = json_is_true(value) ? 1 : json_integer_value(value);
    return json_is_boolean(value) || json_is_integer(value);
}

static bool is_container(json_t *value)
{
    return json_is_array(value) || json_is_object(value);
}

/* A dictionary of plain values, such as a message. */
static bool is_flat(json_t *value)
{
    const char *key = NULL;
    json_t *member = NULL;
    json_object_foreach(value, key, member)
    {
        if (is_container(member)) {
            return false;
        }
    }
    return json_is_object(value);
}

/* Python's ==. Of lists and dictionaries only flat ones are compared: one value may hold
 * another more often than could ever be walked through. */
static attrib_status compare(json_t *left,
                             json_t *right,
                             bool *is_equal,
                             attrib_error *err)
{
    json_int_t a = 0;
    json_int_t b = 0;
    if (is_container(left) && is_container(right) && !(is_flat(left) && is_flat(right))) {
        return at_fail(err, ATTRIB_ENOTSUP,
                       "chat template: comparing lists or dictionaries");
    }
    if (as_integer(left, &a) && as_integer(right, &b)) {
        *is_equal = a == b;
    } else {
        *is_equal = left && right ? json_equal(left, right) == 1 : left == right;
    }
    return ATTRIB_OK;
}

attrib_status at_jinja_append(at_buffer *out, json_t *value, attrib_error *err)
{
    if (!value) {
        return ATTRIB_OK;
    }
    if (json_is_string(value)) {
        return at_buffer_append(out, json_string_value(value), json_string_length(value),
                                err);
    }
    if (json_is_integer(value)) {
        return at_buffer_print(out, err, "%" JSON_INTEGER_FORMAT,
                               json_integer_value(value));
    }
    const char *word = json_is_true(value)    ? "True"
                       : json_is_false(value) ? "False"
                       : json_is_null(value)  ? "None"
                                              : NULL;
    return word ? at_buffer_append(out, word, strlen(word), err)
                : at_fail(err, ATTRIB_ENOTSUP,
                          "chat template: a list, dictionary or fraction as text");
}

/* A value that was just made; NULL is want of memory. */
static attrib_status give(json_t *made, json_t **out, attrib_error *err)
{
    *out = made;
    return made ? ATTRIB_OK
                : at_fail(err, ATTRIB_ENOMEM, "out of memory for a chat template");
}

static attrib_status give_text(const char *text,
                               size_t n,
                               json_t **out,
                               attrib_error *err)
{
    return give(json_stringn(text ? text : "", n), out, err);
}

static attrib_status fail_operand(const char *what, attrib_error *err)
{
    return at_fail(err, ATTRIB_ENOTSUP, "chat template: operands of \"%s\"", what);
}

/* 2. Operators */

static attrib_status concat(json_t *left, json_t *right, json_t **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_TRY(at_jinja_append(&text, left, err));
    AT_TRY(at_jinja_append(&text, right, err));
    AT_CHECK(text.n_bytes <= AT_JINJA_MAX_TEXT, ATTRIB_ERANGE,
             "chat template: a text of %zu bytes", text.n_bytes);
    AT_TRY(give_text(text.bytes, text.n_bytes, out, err));
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status join_lists(json_t *left,
                                json_t *right,
                                json_t **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *made = NULL;
    AT_CHECK(json_array_size(left) + json_array_size(right) <= AT_JINJA_MAX_LIST,
             ATTRIB_ERANGE, "chat template: a list that is too long");
    AT_TRY(give(json_copy(left), &made, err));
    if (json_array_extend(made, right) != 0) {
        json_decref(made);
        return give(NULL, out, err);
    }
    *out = made;
done:
    return status;
}

static attrib_status contains(json_t *left, json_t *right, bool *out, attrib_error *err)
{
    *out = false;
    if (json_is_string(left) && json_is_string(right)) {
        *out = memmem(json_string_value(right), json_string_length(right),
                      json_string_value(left), json_string_length(left)) != NULL;
    } else if (json_is_array(right)) {
        for (size_t i = 0; !*out && i < json_array_size(right); i++) {
            attrib_status status = compare(left, json_array_get(right, i), out, err);
            if (status != ATTRIB_OK) {
                return status;
            }
        }
    } else if (json_is_object(right) && json_is_string(left)) {
        *out = json_object_get(right, json_string_value(left)) != NULL;
    } else if (right) {
        return fail_operand("in", err);
    }
    return ATTRIB_OK;
}

/* Arithmetic and order of integers below 2^31, as templates count; Python's % has the
 * sign of its right. */
static attrib_status count_with(
    const char *sign, json_int_t a, json_int_t b, json_t **out, attrib_error *err)
{
    const json_int_t limit = (json_int_t)1 << 31;
    if (a >= limit || a <= -limit || b >= limit || b <= -limit) {
        return fail_operand(sign, err);
    }
    switch (sign[0]) {
    case '+':
        return give(json_integer(a + b), out, err);
    case '-':
        return give(json_integer(a - b), out, err);
    case '*':
        return give(json_integer(a * b), out, err);
    case '<':
        return give(json_boolean(sign[1] ? a <= b : a < b), out, err);
    case '>':
        return give(json_boolean(sign[1] ? a >= b : a > b), out, err);
    case '%':
        return b ? give(json_integer((a % b + b) % b), out, err) : fail_operand("%", err);
    default:
        return fail_operand(sign, err);
    }
}

attrib_status at_jinja_binary(
    const char *sign, json_t *left, json_t *right, json_t **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_int_t a = 0;
    json_int_t b = 0;
    bool is_in = false;
    if (strcmp(sign, "~") == 0) {
        return concat(left, right, out, err);
    }
    if (strcmp(sign, "==") == 0 || strcmp(sign, "!=") == 0) {
        bool is_equal = false;
        AT_TRY(compare(left, right, &is_equal, err));
        return give(json_boolean(is_equal == (sign[0] == '=')), out, err);
    }
    if (strcmp(sign, "in") == 0 || strcmp(sign, "not in") == 0) {
        AT_TRY(contains(left, right, &is_in, err));
        return give(json_boolean(is_in == (sign[0] == 'i')), out, err);
    }
    if (sign[0] == '+' && json_is_string(left) && json_is_string(right)) {
        return concat(left, right, out, err);
    }
    if (sign[0] == '+' && json_is_array(left) && json_is_array(right)) {
        return join_lists(left, right, out, err);
    }
    if (as_integer(left, &a) && as_integer(right, &b)) {
        return count_with(sign, a, b, out, err);
    }
    status = fail_operand(sign, err);
done:
    return status;
}

/* 3. Members */

/* A place of a list of n counted from either end; false where it is outside. */
static bool find_place(json_t *key, size_t n, size_t *out)
{
    json_int_t i = json_integer_value(key);
    i += i < 0 ? (json_int_t)n : 0;
    *out = (size_t)i;
    return i >= 0 && (size_t)i < n;
}

attrib_status at_jinja_get(json_t *value, json_t *key, json_t **out, attrib_error *err)
{
    size_t place = 0;
    *out = NULL;
    if (!value) {
        return at_fail(err, ATTRIB_ENOTSUP, "chat template: a member of nothing");
    }
    if (json_is_object(value) && json_is_string(key)) {
        *out = json_incref(json_object_get(value, json_string_value(key)));
    } else if (json_is_array(value) && json_is_integer(key)) {
        if (find_place(key, json_array_size(value), &place)) {
            *out = json_incref(json_array_get(value, place));
        }
    } else if (!json_is_string(key)) {
        return at_fail(err, ATTRIB_ENOTSUP, "chat template: a member of a text");
    }
    return ATTRIB_OK;
}

/* A bound of a slice, cut to the list: [0, n], or [-1, n - 1] where it runs backwards. */
static json_int_t clip_bound(json_t *bound,
                             json_int_t missing,
                             json_int_t n,
                             bool is_forward)
{
    json_int_t low = is_forward ? 0 : -1;
    json_int_t high = is_forward ? n : n - 1;
    json_int_t i = json_is_integer(bound) ? json_integer_value(bound) : missing;
    if (json_is_integer(bound) && i < 0) {
        i += n;
    }
    return i < low ? low : i > high ? high : i;
}

attrib_status at_jinja_slice(json_t *value,
                             json_t *const bounds[3],
                             json_t **out,
                             attrib_error *err)
{
    json_t *made = NULL;
    json_int_t n = (json_int_t)json_array_size(value);
    json_int_t step = json_is_integer(bounds[2]) ? json_integer_value(bounds[2]) : 1;
    bool is_forward = step > 0;
    json_int_t from = clip_bound(bounds[0], is_forward ? 0 : n - 1, n, is_forward);
    json_int_t to = clip_bound(bounds[1], is_forward ? n : -1, n, is_forward);
    if (!json_is_array(value) || (step != 1 && step != -1)) {
        return at_fail(err, ATTRIB_ENOTSUP,
                       "chat template: a slice of a text, or in steps");
    }
    attrib_status status = give(json_array(), &made, err);
    for (json_int_t i = from; status == ATTRIB_OK && (is_forward ? i < to : i > to);
         i += step) {
        if (json_array_append(made, json_array_get(value, (size_t)i)) != 0) {
            json_decref(made);
            status = give(NULL, &made, err);
        }
    }
    *out = made;
    return status;
}

/* 4. Tests */

attrib_status at_jinja_test(const char *test, json_t *value, bool *out, attrib_error *err)
{
    bool is_list = json_is_array(value) || json_is_object(value);

    const struct {
        const char *name;
        bool holds;
    } tests[] = {
        {"defined", value != NULL},
        {"undefined", value == NULL},
        {"none", json_is_null(value)},
        {"string", json_is_string(value)},
        {"mapping", json_is_object(value)},
        {"iterable", !value || is_list || json_is_string(value)},
        {"sequence", !value || is_list || json_is_string(value)},
        {"number", json_is_number(value) || json_is_boolean(value)},
        {"integer", json_is_integer(value)},
        {"boolean", json_is_boolean(value)},
        {"true", json_is_true(value)},
        {"false", json_is_false(value)},
    };

    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        if (strcmp(tests[i].name, test) == 0) {
            *out = tests[i].holds;
            return ATTRIB_OK;
        }
    }
    return at_fail(err, ATTRIB_ENOTSUP, "chat template: test \"%.32s\"", test);
}

/* 5. Methods */

/* Whether a character is stripped: Python's blanks, or one of a text's. */
static bool is_stripped(uint32_t character, json_t *set)
{
    if (!set) {
        return at_is_space(character) || (character >= 0x1C && character <= 0x1F);
    }
    const char *text = json_string_value(set);
    for (size_t i = 0, n = json_string_length(set); i < n;) {
        uint32_t member = 0;
        i += at_get_character(text + i, &member);
        if (member == character) {
            return true;
        }
    }
    return false;
}

static attrib_status strip(json_t *self,
                           json_t *set,
                           bool from_left,
                           bool from_right,
                           json_t **out,
                           attrib_error *err)
{
    const char *text = json_string_value(self);
    size_t start = 0;
    size_t end = json_string_length(self);
    uint32_t character = 0;
    while (from_left && start < end) {
        size_t n = at_get_character(text + start, &character);
        if (!is_stripped(character, set)) {
            break;
        }
        start += n;
    }
    while (from_right && start < end) {
        size_t n = at_get_last_character(text + start, end - start, &character);
        if (!is_stripped(character, set)) {
            break;
        }
        end -= n;
    }
    return give_text(text + start, end - start, out, err);
}

static attrib_status split(json_t *self,
                           json_t *separator,
                           json_t **out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *made = NULL;
    const char *text = json_string_value(self);
    size_t n = json_string_length(self);
    size_t n_separator = json_string_length(separator);
    AT_CHECK(n_separator, ATTRIB_ENOTSUP, "chat template: split() without a text");
    AT_TRY(give(json_array(), &made, err));
    for (;;) {
        const char *found = memmem(text, n, json_string_value(separator), n_separator);
        size_t n_part = found ? (size_t)(found - text) : n;
        AT_CHECK(json_array_size(made) < AT_JINJA_MAX_LIST, ATTRIB_ERANGE,
                 "chat template: a list that is too long");
        AT_CHECK(json_array_append_new(made, json_stringn(text, n_part)) == 0,
                 ATTRIB_ENOMEM, "out of memory for a chat template");
        if (!found) {
            break;
        }
        text = found + n_separator;
        n -= n_part + n_separator;
    }
    *out = made;
    made = NULL;
done:
    json_decref(made);
    return status;
}

static bool touches(json_t *self, json_t *part, bool is_end)
{
    size_t n = json_string_length(self);
    size_t n_part = json_string_length(part);
    const char *text = json_string_value(self);
    return n_part <= n && memcmp(is_end ? text + n - n_part : text,
                                 json_string_value(part), n_part) == 0;
}

/* [key, value] of every member. */
static attrib_status list_items(json_t *self, json_t **out, attrib_error *err)
{
    json_t *made = json_array();
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(self, key, value)
    {
        json_t *pair = json_pack("[s, O]", key, value);
        if (!pair || json_array_append_new(made, pair) != 0) {
            json_decref(made);
            return give(NULL, out, err);
        }
    }
    return give(made, out, err);
}

attrib_status at_jinja_method(
    const char *method, json_t *self, json_t *arguments, json_t **out, attrib_error *err)
{
    json_t *first = json_array_get(arguments, 0);
    bool has_text = json_is_string(self) && (!first || json_is_string(first));
    if (has_text && strcmp(method, "strip") == 0) {
        return strip(self, first, true, true, out, err);
    }
    if (has_text && strcmp(method, "lstrip") == 0) {
        return strip(self, first, true, false, out, err);
    }
    if (has_text && strcmp(method, "rstrip") == 0) {
        return strip(self, first, false, true, out, err);
    }
    if (has_text && strcmp(method, "split") == 0 && json_array_size(arguments) == 1) {
        return split(self, first, out, err);
    }
    if (has_text && first && strcmp(method, "startswith") == 0) {
        return give(json_boolean(touches(self, first, false)), out, err);
    }
    if (has_text && first && strcmp(method, "endswith") == 0) {
        return give(json_boolean(touches(self, first, true)), out, err);
    }
    if (json_is_object(self) && !first && strcmp(method, "items") == 0) {
        return list_items(self, out, err);
    }
    if (json_is_object(self) && json_is_string(first) && strcmp(method, "get") == 0) {
        json_t *value = json_object_get(self, json_string_value(first));
        json_t *other = json_array_get(arguments, 1);
        return give(value   ? json_incref(value)
                    : other ? json_incref(other)
                            : json_null(),
                    out, err);
    }
    return at_fail(err, ATTRIB_ENOTSUP, "chat template: method \"%.32s\"", method);
}

/* 6. Filters */

static attrib_status measure(json_t *value, json_t **out, attrib_error *err)
{
    size_t n = json_is_array(value)    ? json_array_size(value)
               : json_is_object(value) ? json_object_size(value)
               : json_is_string(value) ? at_count_characters(json_string_value(value),
                                                             json_string_length(value))
                                       : 0;
    if (value && !json_is_array(value) && !json_is_object(value) &&
        !json_is_string(value)) {
        return fail_operand("length", err);
    }
    return give(json_integer((json_int_t)n), out, err);
}

/* Elements of which a member is equal to a value: selectattr("role", "equalto", "user").
 */
static attrib_status select_members(json_t *list,
                                    json_t *arguments,
                                    json_t **out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *key = json_string_value(json_array_get(arguments, 0));
    const char *test = json_string_value(json_array_get(arguments, 1));
    json_t *made = NULL;
    AT_CHECK(key && test && json_array_size(arguments) == 3 &&
                 (strcmp(test, "equalto") == 0 || strcmp(test, "==") == 0),
             ATTRIB_ENOTSUP, "chat template: filter \"selectattr\" with this test");
    AT_TRY(give(json_array(), &made, err));
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *element = json_array_get(list, i);
        bool is_equal = false;
        AT_TRY(compare(json_object_get(element, key), json_array_get(arguments, 2),
                       &is_equal, err));
        AT_CHECK(!is_equal || json_array_append(made, element) == 0, ATTRIB_ENOMEM,
                 "out of memory for a chat template");
    }
    *out = made;
    made = NULL;
done:
    json_decref(made);
    return status;
}

attrib_status at_jinja_filter(
    const char *filter, json_t *value, json_t *arguments, json_t **out, attrib_error *err)
{
    json_t *first = json_array_get(arguments, 0);
    if (strcmp(filter, "trim") == 0 && json_is_string(value) && !first) {
        return strip(value, NULL, true, true, out, err);
    }
    if (strcmp(filter, "length") == 0 || strcmp(filter, "count") == 0) {
        return measure(value, out, err);
    }
    if (strcmp(filter, "string") == 0 || strcmp(filter, "safe") == 0) {
        return concat(value, NULL, out, err);
    }
    if (strcmp(filter, "list") == 0 && json_is_array(value)) {
        return give(json_incref(value), out, err);
    }
    if (strcmp(filter, "selectattr") == 0 && json_is_array(value)) {
        return select_members(value, arguments, out, err);
    }
    if (strcmp(filter, "items") == 0 && json_is_object(value)) {
        return list_items(value, out, err);
    }
    if (json_is_array(value) &&
        (strcmp(filter, "first") == 0 || strcmp(filter, "last") == 0)) {
        size_t n = json_array_size(value);
        *out = json_incref(json_array_get(value, filter[0] == 'f' ? 0 : n - 1));
        return ATTRIB_OK;
    }
    if (strcmp(filter, "default") == 0 || strcmp(filter, "d") == 0) {
        bool takes_false = json_is_true(json_array_get(arguments, 1));
        bool is_there = takes_false ? at_jinja_is_true(value) : value != NULL;
        *out = json_incref((is_there ? value : first));
        return ATTRIB_OK;
    }
    return at_fail(err, ATTRIB_ENOTSUP, "chat template: filter \"%.32s\"", filter);
}
