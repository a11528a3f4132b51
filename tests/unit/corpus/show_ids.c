/* SPDX-License-Identifier: MIT */
/* Print what a model sees of rows: show_ids MODEL ROWS [TEMPLATE [DATE]]. A JSON object a
 * line of ROWS: {"ids", "mask", "text"}, or {"error"}. For scripts that compare. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "corpus/chats.h"
#include "format/json.h"

static json_t *show(const at_draft *draft)
{
    json_t *ids = json_array();
    json_t *mask = json_array();
    for (size_t t = 0; t < draft->n_tokens; t++) {
        json_array_append_new(ids, json_integer(draft->ids[t]));
        json_array_append_new(mask, json_integer(draft->mask[t]));
    }
    return json_pack("{so so so}", "ids", ids, "mask", mask, "text",
                     json_stringn(draft->text.bytes, draft->text.n_bytes));
}

static void show_row(const at_rules *rules, const char *row, size_t n)
{
    attrib_error err = {0};
    at_drafts drafts = {0};
    attrib_status status = at_draft_from_row(rules, "row", row, n, &drafts, &err);
    json_t *shown = status == ATTRIB_OK && drafts.n
                        ? show(&drafts.items[0])
                        : json_pack("{ss}", "error", err.message);
    json_dumpf(shown, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(shown);
    at_drafts_free(&drafts);
}

int main(int argc, char **argv)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    at_buffer rows = {0};
    at_rules rules = {.text_field = "text", .id_field = "id", .append_eos = true};
    if (argc < 3) {
        fputs("usage: show_ids MODEL ROWS [TEMPLATE [DATE]]\n", stderr);
        return 2;
    }
    if (attrib_tokenizer_open(argv[1], &tokenizer, &err) != ATTRIB_OK ||
        at_read_file(argv[2], (size_t)1 << 30, &rows, &err) != ATTRIB_OK) {
        fprintf(stderr, "show_ids: %s\n", err.message);
        return 1;
    }
    rules.tokenizer = tokenizer;
    if (at_rules_choose_chat(&rules, argc > 3 ? argv[3] : NULL, argc > 4 ? argv[4] : NULL,
                             &err) != ATTRIB_OK) {
        fprintf(stderr, "show_ids: %s\n", err.message);
        return 1;
    }
    for (char *line = rows.bytes; line && *line;) {
        size_t n = strcspn(line, "\n");
        show_row(&rules, line, n);
        line += n + (line[n] == '\n');
    }
    at_rules_free(&rules);
    attrib_tokenizer_close(tokenizer);
    at_buffer_free(&rows);
    return 0;
}
