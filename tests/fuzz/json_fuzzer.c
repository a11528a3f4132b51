/* SPDX-License-Identifier: MIT */
/* Any bytes as JSON; what is accepted must be written and read back as the same value.
 * And any bytes as text, which must become a JSON string. */
#include <stdlib.h>

#include "format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    json_t *value = NULL;
    json_t *again = NULL;
    at_buffer text = {0};
    if (at_json_parse("fuzz", (const char *)data, size, &value, &err) == ATTRIB_OK) {
        if (at_json_append(&text, value, &err) != ATTRIB_OK ||
            at_json_parse("again", text.bytes, text.n_bytes, &again, &err) != ATTRIB_OK ||
            !json_equal(value, again)) {
            abort();
        }
        const char *member = NULL;
        size_t n = 0;
        double number = 0;
        bool flag = false;
        (void)!at_json_text("fuzz", value, "a", &member, NULL, NULL);
        (void)!at_json_size("fuzz", value, "a", &n, NULL, NULL);
        (void)!at_json_number("fuzz", value, "a", &number, NULL, NULL);
        (void)!at_json_bool("fuzz", value, "a", &flag, NULL, NULL);
    } else if (err.message[0] == '\0') {
        abort();
    }
    json_decref(value);
    json_decref(again);
    value = NULL;
    at_buffer_clear(&text);
    err = (attrib_error){0};
    if (at_json_append_text(&text, (const char *)data, size, &err) != ATTRIB_OK) {
        abort();
    }
    /* A NUL is escaped, and jansson has no such strings. */
    bool has_nul = false;
    for (size_t i = 0; i < size; i++) {
        has_nul = has_nul || data[i] == 0;
    }
    if (!has_nul &&
        (at_json_parse("text", text.bytes, text.n_bytes, &value, &err) != ATTRIB_OK ||
         !json_is_string(value))) {
        abort();
    }
    json_decref(value);
    at_buffer_free(&text);
    return 0;
}
