/* SPDX-License-Identifier: MIT */
/* Opening a corpus: paths, and what is said about what was left out. */
#include "attrib/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/chats.h"
#include "corpus/files.h"
#include "corpus/given.h"
#include "corpus/store_file.h"

/* Where documents come from: paths, or, where these are NULL, rows of the caller's. */
typedef struct origin {
    const char *const *paths; /* [n] */
    const attrib_rows *rows;
    size_t n;
} origin;

/* Read all of it; *is_whole is false where the corpus was full before. */
static attrib_status read_origin(at_files *files,
                                 const origin *from,
                                 bool *is_whole,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!from->paths) {
        status = at_intake_begin(files->intake, AT_GIVEN_ROWS, NULL, err);
        if (status == ATTRIB_OK) {
            status = at_given_put(from->rows, at_intake_sink(files->intake), err);
        }
    }
    for (size_t i = 0; from->paths && i < from->n && status == ATTRIB_OK; i++) {
        status = at_files_read(files, from->paths[i], err);
    }
    if (status == ATTRIB_OK) {
        status = at_intake_flush(files->intake, err);
    }
    *is_whole = status != ATTRIB_END;
    return *is_whole ? status : ATTRIB_OK;
}

/* Warn of n files, or records, that a user may expect to be read. */
static void log_some(const at_files *files, size_t n, const char *one, const char *many)
{
    if (n == 1) {
        at_log(files->session, ATTRIB_LOG_WARNING, "1 %s", one);
    } else if (n > 1) {
        at_log(files->session, ATTRIB_LOG_WARNING, "%zu %s", n, many);
    }
}

/* The same with the first of their names. */
static void log_files(const at_files *files,
                      size_t n,
                      const char *one,
                      const char *many,
                      const at_buffer *names)
{
    if (n > 0) {
        at_log(files->session, ATTRIB_LOG_WARNING, "%zu %s: %s%s", n, n == 1 ? one : many,
               names->bytes, n > AT_N_SKIPPED_NAMES ? ", ..." : "");
    }
}

/* What a corpus came to be without, which a user may not expect. */
static void log_left_out(const at_files *files)
{
    const attrib_corpus_summary *counts = files->counts;
    log_files(
        files, counts->n_skipped_files,
        "file that holds no documents was left out (--include reads a text of any name)",
        "files that hold no documents were left out (--include reads texts of any name)",
        &files->skipped);
    log_files(files, counts->n_about_files,
              "file about the data was left out (to read it, name it)",
              "files about the data were left out (to read one, name it)", &files->about);
    log_files(files, counts->n_repeated_files,
              "file that had been read under another name was left out",
              "files that had been read under another name were left out", &files->again);
    log_some(files, counts->n_html_records,
             "WARC record of HTML was left out: extract its text first (trafilatura, "
             "resiliparse), or take the WET files of the crawl",
             "WARC records of HTML were left out: extract their text first (trafilatura, "
             "resiliparse), or take the WET files of the crawl");
    if (counts->n_other_records) {
        at_log(files->session, ATTRIB_LOG_INFO,
               "%zu WARC record%s without a plain text left out", counts->n_other_records,
               counts->n_other_records == 1 ? "" : "s");
    }
    log_some(files, counts->n_hidden_texts,
             "row has a text besides the prompt and completion that were read (to read "
             "the text, name its field)",
             "rows have a text besides the prompt and completion that were read (to read "
             "the text, name its field)");
    log_some(files, counts->n_empty_documents,
             "document without text or a predicted token was left out",
             "documents without text or a predicted token were left out");
}

/* An option about a kind of input that was not there would be passed over in silence. */
static attrib_status check_used(const at_files *files,
                                const attrib_corpus_options *options,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_cut = at_intake_has_texts(files->intake) ||
                  (files->unit->kind == AT_UNIT_TOKENS && files->has_tokens);
    AT_CHECK(files->unit->kind == AT_UNIT_DOCUMENT || is_cut, ATTRIB_EINVAL,
             "unit %.80s: cuts plain texts%s, and none was read", options->unit,
             files->unit->kind == AT_UNIT_TOKENS ? " and files of tokens" : "");
    AT_CHECK(options->token_dtype == ATTRIB_TOKENS_FROM_FILE || files->has_tokens,
             ATTRIB_EINVAL, "token dtype: is of files of tokens, and none was read");
    AT_CHECK(
        !options->document_end || files->asks_for_end, ATTRIB_EINVAL,
        "document end: cuts files of tokens that have no index and no rows, and none "
        "was read");
done:
    return status;
}

/* No document is left, of some that were read. */
static attrib_status fail_selection(const attrib_corpus_summary *counts,
                                    const origin *from,
                                    const char *selection,
                                    attrib_error *err)
{
    return at_fail(err, ATTRIB_EINVAL,
                   "%s%s: none of the documents is selected by %.120s (%zu do not meet a "
                   "condition, %zu are longer)",
                   from->paths ? from->paths[0] : AT_GIVEN_ROWS,
                   from->paths && from->n > 1 ? ", ..." : "", selection,
                   counts->n_unmet_documents, counts->n_long_documents);
}

static attrib_status check_documents(const attrib_corpus_summary *counts,
                                     const origin *from,
                                     const at_rules *rules,
                                     const char *selection,
                                     attrib_error *err)
{
    if (counts->n_documents > 0) {
        /* A selection may take none of the pairs that are there. */
        return !rules->takes_margin || counts->n_pairs > 0 || *selection
                   ? ATTRIB_OK
                   : at_fail(err, ATTRIB_ESHAPE,
                             "%s%s: preference margin, but no row has \"chosen\" and "
                             "\"rejected\"",
                             from->paths[0], from->n > 1 ? ", ..." : "");
    }
    char skipped[64] = "";
    if (counts->n_unmet_documents + counts->n_long_documents > 0) {
        return fail_selection(counts, from, selection, err);
    }
    if (counts->n_skipped_rows) {
        snprintf(skipped, sizeof skipped, ", %zu row%s skipped", counts->n_skipped_rows,
                 counts->n_skipped_rows == 1 ? "" : "s");
    }
    return at_fail(
        err, ATTRIB_EINVAL,
        "%s%s: no documents (%zu without text or a predicted token, %zu file%s "
        "of other kinds%s)",
        from->paths ? from->paths[0] : AT_GIVEN_ROWS,
        from->paths && from->n > 1 ? ", ..." : "", counts->n_empty_documents,
        counts->n_skipped_files, counts->n_skipped_files == 1 ? "" : "s", skipped);
}

/* Keep what the sample drew, and count copies. */
static attrib_status keep_selected(attrib_corpus **corpus,
                                   at_selection *selection,
                                   const attrib_corpus_options *options,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *places = NULL;
    size_t n = at_corpus_counts(*corpus)->n_documents;
    if (at_selection_draws(selection)) {
        AT_TRY(at_selection_draw(selection, &places, &n, at_corpus_counts(*corpus), err));
    }
    AT_TRY(at_corpus_narrow(corpus, places, n, options, err));
done:
    free(places);
    return status;
}

static attrib_status open_origin(attrib_session *session,
                                 const origin *from,
                                 const attrib_tokenizer *tokenizer,
                                 const attrib_corpus_options *options,
                                 attrib_corpus **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_corpus *corpus = NULL;
    at_fields fields = {{0}};
    at_files files = {.session = session};
    at_rules rules = at_rules_of(tokenizer, options);
    at_unit unit = {0};
    at_selection *selection = NULL;
    at_buffer words = {0};
    bool is_whole = true;
    files.unit = &unit;
    files.include = options->include;
    files.exclude = options->exclude;
    AT_TRY(at_corpus_options_check(options, err));
    AT_TRY(at_selection_new(options, &selection, err));
    AT_TRY(at_selection_describe(options, &words, err));
    AT_TRY(at_rules_choose_chat(&rules, options->chat_template, options->date, err));
    AT_TRY(at_unit_read(options->unit, &unit, err));
    rules.n_unit_tokens = unit.n_tokens;
    AT_TRY(at_token_rules_of(options, tokenizer, unit.n_tokens, &files.tokens, err));
    AT_CHECK(from->n > 0, ATTRIB_EINVAL, "a corpus of no %s",
             from->paths ? "paths" : AT_GIVEN_ROWS);
    AT_TRY(at_corpus_new(options->context, options->scratch_folder, &corpus, err));
    at_corpus_set_date(corpus, at_chat_date(rules.chat));
    AT_TRY(at_fields_of(options, &fields, err));
    at_corpus_set_fields(corpus, fields);
    AT_TRY(at_corpus_set_selection(corpus, words.bytes, err));
    AT_TRY(at_intake_new(session, &rules, selection, options->max_documents, corpus,
                         &files.intake, err));
    if (from->paths && at_is_watched(session)) {
        at_headway_begin(&files.headway, from->paths, from->n);
    }
    at_intake_follow(files.intake, &files.headway);
    files.counts = at_corpus_counts(corpus);
    files.marks = at_corpus_marks(corpus);
    AT_TRY(read_origin(&files, from, &is_whole, err));
    log_left_out(&files);
    at_intake_end(files.intake);
    AT_TRY(check_documents(files.counts, from, &rules, words.bytes, err));
    AT_TRY(is_whole ? check_used(&files, options, err) : ATTRIB_OK);
    AT_TRY(at_corpus_finish(corpus, err));
    AT_TRY(keep_selected(&corpus, selection, options, err));
    *out = corpus;
    corpus = NULL;
done:
    at_intake_free(files.intake);
    at_selection_free(selection);
    at_buffer_free(&words);
    at_unit_free(&unit);
    at_rules_free(&rules);
    at_buffer_free(&files.skipped);
    at_buffer_free(&files.about);
    at_buffer_free(&files.again);
    at_seen_free(&files.seen);
    attrib_corpus_close(corpus);
    return status;
}

attrib_status attrib_corpus_open(attrib_session *session,
                                 const attrib_paths *paths,
                                 const attrib_tokenizer *tokenizer,
                                 const attrib_corpus_options *options,
                                 attrib_corpus **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const origin from = {.paths = paths->paths, .n = paths->n};
    attrib_corpus_options chosen;
    bool is_store = false;
    AT_TRY(at_corpus_options_take(options, &chosen, err));
    for (size_t i = 0; i < paths->n && !is_store; i++) {
        is_store = at_token_store_is(paths->paths[i]);
        AT_CHECK(!is_store || paths->n == 1, ATTRIB_EINVAL,
                 "%s: a token store, which is a whole corpus: give it alone, or make one "
                 "store of all paths",
                 paths->paths[i]);
    }
    AT_TRY(is_store ? at_token_store_open(session, paths->paths[0], tokenizer, &chosen,
                                          out, err)
                    : open_origin(session, &from, tokenizer, &chosen, out, err));
done:
    return status;
}

attrib_status attrib_corpus_from_rows(attrib_session *session,
                                      const attrib_rows *rows,
                                      const attrib_tokenizer *tokenizer,
                                      const attrib_corpus_options *options,
                                      attrib_corpus **out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const origin from = {.rows = rows, .n = rows->n};
    attrib_corpus_options chosen;
    AT_TRY(at_given_options(options, &chosen, err));
    AT_TRY(open_origin(session, &from, tokenizer, &chosen, out, err));
done:
    return status;
}
