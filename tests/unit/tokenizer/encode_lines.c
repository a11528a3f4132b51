/* SPDX-License-Identifier: MIT */
/* A program for scripts/compare-tokenizers: texts on standard input, one JSON string a
 * line; on standard output a line of ids each.
 *
 *     encode_lines TOKENIZER [--special]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/tokenizer.h"
#include "format/json.h"

static int fail(const attrib_error *err)
{
    fprintf(stderr, "encode_lines: %s\n", err->message);
    return 1;
}

static attrib_status encode_line(const attrib_tokenizer *tokenizer,
                                 const char *line,
                                 bool adds_special,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *text = json_loads(line, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    int32_t *ids = NULL;
    size_t n = 0;
    AT_CHECK(json_is_string(text), ATTRIB_EFORMAT, "no JSON string: %.80s", line);
    AT_TRY(attrib_tokenizer_encode(
        tokenizer, (attrib_text){json_string_value(text), json_string_length(text)},
        adds_special, &ids, &n, err));
    for (size_t i = 0; i < n; i++) {
        printf("%s%d", i ? " " : "", (int)ids[i]);
    }
    putchar('\n');
done:
    free(ids);
    json_decref(text);
    return status;
}

int main(int argc, char **argv)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    char *line = NULL;
    size_t capacity = 0;
    bool adds_special = argc > 2 && strcmp(argv[2], "--special") == 0;
    attrib_status status = ATTRIB_EINVAL;
    if (argc > 1) {
        status = attrib_tokenizer_open(argv[1], &tokenizer, &err);
    }
    while (status == ATTRIB_OK && getline(&line, &capacity, stdin) >= 0) {
        status = encode_line(tokenizer, line, adds_special, &err);
    }
    free(line);
    attrib_tokenizer_close(tokenizer);
    return status == ATTRIB_OK ? 0 : fail(&err);
}
