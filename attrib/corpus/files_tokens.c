/* SPDX-License-Identifier: MIT */
/* Reading a file of tokens, and saying how it is cut. */
#include "corpus/files.h"

#include <stdlib.h>

/* Say how files of tokens are cut, where the last one was cut otherwise. */
static void say_cut(at_files *files, const char *source, const at_token_file *file)
{
    const at_token_rules *rules = &files->tokens;
    at_token_cut cut = at_token_file_cut(file, rules);
    bool is_end = cut == AT_CUT_BEHIND || cut == AT_CUT_BEFORE;
    bool is_array = cut == AT_CUT_ARRAY;
    if (cut == files->said) {
        return;
    }
    files->said = cut;
    if (is_end) {
        at_log(files->session, ATTRIB_LOG_INFO,
               "%s: tokens, a document %s each id %d (%s)", source,
               cut == AT_CUT_BEHIND ? "ends with" : "begins with", (int)rules->end,
               rules->is_end_given ? "--document-end" : "the tokenizer's EOS");
    } else if (cut == AT_CUT_ROWS || cut == AT_CUT_WITHOUT_ENDS) {
        at_log(files->session, ATTRIB_LOG_INFO,
               "%s: tokens, a document is a row of %zu%s", source,
               cut == AT_CUT_ROWS ? rules->n_row : rules->n_usual_row,
               cut == AT_CUT_ROWS ? "" : ": nothing says which id ends a document");
    } else {
        at_log(files->session, ATTRIB_LOG_INFO, "%s: tokens, a document is %s", source,
               is_array ? "a row of the array" : "what the .idx says");
    }
}

attrib_status at_files_read_tokens(at_files *files,
                                   const char *path,
                                   const char *source,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_token_file file = {0};
    at_token_cut cut = AT_CUT_UNKNOWN;
    char *index = NULL;
    size_t n = 0;
    AT_TRY(at_token_file_index(path, &index, err));
    if (index) {
        AT_TRY(at_marks_add(files->marks, index, err));
    }
    AT_TRY(at_token_file_open(path, source, &files->tokens, &file, err));
    files->counts->n_files++;
    say_cut(files, source, &file);
    files->has_tokens = true;
    files->asks_for_end |= files->said == AT_CUT_BEHIND || files->said == AT_CUT_BEFORE ||
                           files->said == AT_CUT_WITHOUT_ENDS;
    AT_TRY(at_intake_begin(files->intake, source, NULL, err));
    AT_TRY(at_token_file_documents(&file, &files->tokens, at_intake_sink(files->intake),
                                   &n, err));
    AT_TRY(at_map_check(&file.data, err));
    AT_TRY(at_map_check(&file.index, err));
    cut = at_token_file_cut(&file, &files->tokens);
    if (n == 1 && (cut == AT_CUT_BEHIND || cut == AT_CUT_BEFORE)) {
        at_log(files->session, ATTRIB_LOG_WARNING,
               "%s: all of its %zu tokens are one document: no id %d stands between "
               "others; --unit tokens:N cuts rows",
               source, file.n_ids, (int)files->tokens.end);
    }
done:
    free(index);
    at_token_file_close(&file);
    return status;
}
