/* SPDX-License-Identifier: MIT */
#include "cli/counts.h"

#include <stdio.h>

void counts_add_bad_rows(const attrib_corpus *corpus, cli_job *job)
{
    char text[200] = "";
    size_t n = 0;
    attrib_skipped skipped;
    for (size_t i = 0; attrib_corpus_skipped(corpus, i, &skipped); i++) {
        int written = snprintf(text + n, sizeof text - n, "%s%zu (%s)", i ? ", " : "",
                               skipped.n, skipped.reason);
        if (written < 0 || (size_t)written >= sizeof text - n) {
            snprintf(text + n, sizeof text - n, ", ...");
            break;
        }
        n += (size_t)written;
    }
    if (n) {
        terminal_count(job->screen, "bad rows", "%zu skipped: %s",
                       attrib_corpus_summarize(corpus)->n_skipped_rows, text);
    }
    for (size_t i = 0; attrib_corpus_skipped(corpus, i, &skipped); i++) {
        terminal_member(job->screen, "skipped_rows", skipped.reason, (double)skipped.n);
    }
}

void counts_add_numbers(const attrib_corpus *corpus, cli_job *job)
{
    const attrib_corpus_summary *read = attrib_corpus_summarize(corpus);

    const struct {
        const char *key, *member; /* member NULL: a number of its own */
        size_t n;
    } numbers[] = {
        {"documents", NULL, read->n_documents},
        {"tokens", "all", read->n_tokens},
        {"tokens", "predicted", read->n_predicted},
        {"sequences", NULL, read->n_sequences},
        {"pairs", NULL, read->n_pairs},
        {"files", NULL, read->n_files},
        {"archive_members", NULL, read->n_members},
        {"split_documents", NULL, read->n_split_documents},
        {"duplicates", NULL, read->n_duplicates},
        {"skipped", "empty documents", read->n_empty_documents},
        {"skipped", "bad rows", read->n_skipped_rows},
        {"skipped", "texts of rows with a prompt", read->n_hidden_texts},
        {"skipped", "documents by --where", read->n_unmet_documents},
        {"skipped", "documents by --max-tokens", read->n_long_documents},
        {"skipped", "documents by --sample", read->n_unsampled_documents},
        {"skipped", "copies", read->n_copies},
        {"skipped", "files of other kinds", read->n_skipped_files},
        {"skipped", "excluded files", read->n_excluded_files},
        {"skipped", "repeated files", read->n_repeated_files},
        {"skipped", "files about the data", read->n_about_files},
        {"skipped", "records of HTML", read->n_html_records},
        {"skipped", "other records", read->n_other_records},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].member) {
            terminal_member(job->screen, numbers[i].key, numbers[i].member,
                            (double)numbers[i].n);
        } else {
            terminal_number(job->screen, numbers[i].key, (double)numbers[i].n);
        }
    }
}
