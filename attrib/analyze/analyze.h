/* SPDX-License-Identifier: MIT */
/* What kinds of analysis share: the question, the documents that stream by, and the
 * result that is built.
 *
 * 1. Questions.
 * 2. Streams of scores.
 * 3. Results. */
#ifndef AT_ANALYZE_ANALYZE_H
#define AT_ANALYZE_ANALYZE_H

#include "attrib/analyze.h"
#include "base/memory.h"

/* 1. Questions (analyze.c, subject.c) */

/* A run under one of its settings. */
typedef struct at_subject {
    attrib_run *run; /* NULL: there is no second run */
    const attrib_run_info *info;
    size_t i_setting, i_plane; /* the plane of all maps */
} at_subject;

typedef struct at_inquiry {
    attrib_session *session;
    at_subject subject, other;
    const char *changes;
    attrib_analyze_options options;
} at_inquiry;

/* The answer of query q < Q. */
const attrib_answer *at_subject_answer(const at_subject *subject, size_t q);
/* Read what its reported documents are made of, until another query's is read. */
attrib_status at_subject_load(const at_subject *subject, size_t q, attrib_error *err);

/* Say where scores of a run are approximate, of cut queries or of products in bf16: a
 * reader of any analysis must know. `run` may be NULL. */
attrib_status at_say_approximate(const at_subject *subject,
                                 attrib_analysis *out,
                                 attrib_error *err);

/* For each query of the subject the query of `other` with the same id: out [Q], SIZE_MAX
 * where there is none. ESHAPE where no id is shared. Freed by free(). */
attrib_status at_match_queries(const at_inquiry *inquiry,
                               size_t **out,
                               attrib_error *err);

/* Check that both runs are of the same documents in the same order. */
attrib_status at_match_documents(const at_inquiry *inquiry, attrib_error *err);

/* One kind of analysis. */
typedef attrib_status (*at_analyze_fn)(const at_inquiry *inquiry,
                                       attrib_analysis *out,
                                       attrib_error *err);

attrib_status at_analyze_groups(const at_inquiry *inquiry,
                                attrib_analysis *out,
                                attrib_error *err);
attrib_status at_analyze_reweight(const at_inquiry *inquiry,
                                  attrib_analysis *out,
                                  attrib_error *err);
attrib_status at_analyze_tail(const at_inquiry *inquiry,
                              attrib_analysis *out,
                              attrib_error *err);
attrib_status at_analyze_queries(const at_inquiry *inquiry,
                                 attrib_analysis *out,
                                 attrib_error *err);
attrib_status at_analyze_layers(const at_inquiry *inquiry,
                                attrib_analysis *out,
                                attrib_error *err);
/* Add the table of groups of maps over all documents, where the run keeps them apart
 * (split_sums.c). */
attrib_status at_add_split(const at_inquiry *inquiry,
                           attrib_analysis *out,
                           attrib_error *err);
attrib_status at_analyze_spurious(const at_inquiry *inquiry,
                                  attrib_analysis *out,
                                  attrib_error *err);

attrib_status at_analyze_answers(const at_inquiry *inquiry,
                                 attrib_analysis *out,
                                 attrib_error *err);
attrib_status at_analyze_overlap(const at_inquiry *inquiry,
                                 attrib_analysis *out,
                                 attrib_error *err);
/* Add the table of runs of words of completions in the first documents, those that are
 * not reported among them (overlap_words.c). */
attrib_status at_add_overlap_words(const at_inquiry *inquiry,
                                   attrib_analysis *out,
                                   attrib_error *err);
attrib_status at_analyze_relations(const at_inquiry *inquiry,
                                   attrib_analysis *out,
                                   attrib_error *err);

/* 2. Streams of scores (scan.c) */

/* Bytes of scores of all documents that are in memory at once, in all. */
#define AT_COLUMN_BYTES ((size_t)256 << 20)

/* Called with the scores of documents first .. first + n in order: scores [n, Q]. */
typedef attrib_status (*at_scan_fn)(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err);

/* ENOTSUP for a run whose documents were filtered: those that are scored are chosen by
 * the queries, and what holds of all documents cannot be told by them. */
attrib_status at_check_unfiltered(const at_subject *subject, attrib_error *err);

/* Read the scores of all documents block by block, on the calling thread. ENUMERIC where
 * one is not finite; ENOTSUP where they were filtered. */
attrib_status at_scan(const at_inquiry *inquiry,
                      const at_subject *subject,
                      at_scan_fn fn,
                      void *context,
                      attrib_error *err);

/* Read the scores of queries first .. first + n for all documents: out [n, N]. */
attrib_status at_scan_columns(const at_inquiry *inquiry,
                              const at_subject *subject,
                              size_t first,
                              size_t n,
                              double *out,
                              attrib_error *err);

/* 3. Results (result.c) */

attrib_status at_analysis_new(const char *kind, attrib_analysis **out, attrib_error *err);

/* Begin a table, which the next rows belong to. Its texts and columns are static. */
attrib_status at_analysis_begin(attrib_analysis *analysis,
                                const char *name,
                                const char *title,
                                const attrib_column *columns,
                                size_t n_columns,
                                attrib_error *err);

/* Add a row of as many cells as the table has columns; texts are copied. */
attrib_status at_analysis_row(attrib_analysis *analysis,
                              const attrib_cell *row,
                              attrib_error *err);

/* Add a sentence on what is approximate, or was left out. */
attrib_status at_analysis_say(attrib_analysis *analysis,
                              attrib_error *err,
                              const char *format,
                              ...) ATTRIB_PRINTF(3, 4);

attrib_cell at_text_cell(const char *text);
attrib_cell at_number_cell(double number);
attrib_cell at_count_cell(size_t count);

#define AT_N_COLUMNS(columns) (sizeof(columns) / sizeof *(columns))

#endif
