/* SPDX-License-Identifier: MIT */
/* A run as a page: one file of markup, style, script and data. Private to the export
 * room.
 *
 * The data stand in chunks, each deflated and in base64 in an element of its own, which
 * the page's script opens when it is needed. A chunk is
 *
 *     n     u32, bytes of the JSON that follows
 *     JSON  with offsets of arrays
 *     arrays, each from a multiple of 8 bytes after the JSON, whose own end is padded
 *
 * and there are these: `run` (what the run was made with, queries, answers and how scores
 * are spread), `documents` (names, places and tags of all documents that are shown),
 * `text-B` (what tokens of a block of documents spell), `answer-I` (the shares of
 * tokens and modules in what answer I reports), `KIND-S` (what the analysis KIND says
 * under setting S) and `compare-S` (setting S of a further run compared with the first
 * setting of the page). Nothing that a corpus or a query says is
 * in the markup.
 *
 * 1. Chunks.
 * 2. What is shown.
 * 3. Spreads of scores.
 * 4. Tags that make groups.
 * 5. The chunks of a page. */
#ifndef AT_EXPORT_HTML_H
#define AT_EXPORT_HTML_H

#include "export/inspect.h"
#include "export/write.h"

/* The markup before the data, between those that the first view needs and all others,
 * which holds the script, and after them; made of attrib/export/page by the build. */
extern const unsigned char at_page_head[], at_page_middle[], at_page_foot[];
extern const size_t at_page_head_bytes, at_page_middle_bytes, at_page_foot_bytes;

/* 1. Chunks (html_chunk.c) */

/* Zeroed = not begun. */
typedef struct at_chunk {
    json_t *json; /* an object */
    at_buffer arrays;
} at_chunk;

attrib_status at_chunk_begin(at_chunk *chunk, attrib_error *err);
/* Append an array, and put its offset under `key` into an object of the chunk's JSON. */
attrib_status at_chunk_add(at_chunk *chunk,
                           json_t *object,
                           const char *key,
                           const at_buffer *array,
                           attrib_error *err);
/* Write the chunk as an element of the page, and empty it. */
attrib_status at_chunk_write(at_chunk *chunk,
                             const char *name,
                             at_output *output,
                             attrib_error *err);
void at_chunk_free(at_chunk *chunk);

/* A number of JSON, or null where it is not finite. */
attrib_status at_put_real(json_t *object,
                          const char *key,
                          double value,
                          attrib_error *err);

/* 2. What is shown (html_shown.c) */

/* A document that is reported for any answer. */
typedef struct at_shown_document {
    size_t i_answer;             /* the first that reports it */
    const attrib_result *result; /* of that answer; borrowed from the run */
    size_t block;                /* the text chunk that it stands in */
} at_shown_document;

typedef struct at_shown {
    attrib_run *const *runs; /* [n_runs] of the same queries and documents; borrowed */
    size_t n_runs;
    attrib_run *run;              /* the first of them */
    const attrib_run_info *info;  /* of the first */
    size_t n_settings, n_answers; /* of all runs, one after the other */
    size_t n_reported;            /* documents that answers report at each end, at most */
    size_t n_each; /* of them shown: fewer where the page would grow beyond its limit */
    at_shown_document *documents; /* [n_documents] in the order of answers */
    size_t n_documents, n_blocks;
    size_t (*numbers)[2]; /* [n_documents] {index in the corpus, place in `documents`},
                             by index */
} at_shown;

/* As many documents of each end as have max_shares tokens at most, at least one. ESHAPE
 * where the runs are not of the same queries and documents. */
attrib_status at_shown_choose(attrib_run *const *runs,
                              size_t n_runs,
                              size_t max_shares,
                              at_shown *out,
                              attrib_error *err);
void at_shown_free(at_shown *shown);

/* Results of an answer that are shown: of each end, and number i of both, top first. */
size_t at_shown_top(const at_shown *shown, const attrib_answer *answer);
size_t at_shown_bottom(const at_shown *shown, const attrib_answer *answer);
const attrib_result *at_shown_result(const at_shown *shown,
                                     const attrib_answer *answer,
                                     size_t i);
/* How many documents, from the first on, the blocks hold that answer 0 needs. */
size_t at_shown_first(const at_shown *shown);
/* The place of a document of the corpus in `documents`. */
size_t at_shown_number(const at_shown *shown, size_t index);

/* The runs of the page (html_runs.c). */

/* Check that they go together, and count their settings and answers. */
attrib_status at_shown_match(at_shown *shown, attrib_error *err);

/* A setting of the page as a setting of its run. */
typedef struct at_shown_setting {
    size_t i_run;
    attrib_run *run;
    size_t i_setting; /* of the run */
} at_shown_setting;

at_shown_setting at_shown_setting_of(const at_shown *shown, size_t i_setting);
/* What a run is called: the last part of its folder, or all of it where another run's is
 * the same. */
const char *at_shown_title(const at_shown *shown, size_t i_run);
/* Answer i_answer < n_answers, and what its documents are made of. */
const attrib_answer *at_shown_answer(const at_shown *shown, size_t i_answer);
attrib_status at_shown_load(const at_shown *shown, size_t i_answer, attrib_error *err);
attrib_status at_shown_load_result(const at_shown *shown,
                                   size_t i_answer,
                                   const attrib_result *result,
                                   attrib_error *err);

/* 3. Spreads of scores over all documents (html_spread.c) */

#define AT_SPREAD_BINS 64 /* equal bins between the least and the largest score */
#define AT_SPREAD_STEPS                                                                  \
    96 /* bins of magnitudes: 4 for each factor of 2 below the largest */

/* How the scores of an answer are spread. Bin i holds scores from (first + i) x width on,
 * so that 0 is where a bin begins; a magnitude m is in step floor(4 log2(largest / m)).
 */
typedef struct at_spread {
    double width, largest;
    int64_t first;
    uint32_t bins[AT_SPREAD_BINS];
    uint32_t steps[2][AT_SPREAD_STEPS];      /* of scores > 0, of scores < 0 */
    double sums[2][AT_SPREAD_STEPS];         /* of the magnitudes in each step */
    double correlation[ATTRIB_MAX_SETTINGS]; /* Pearson's, with the scores of the same
                                                query under each setting */
} at_spread;

/* One for each answer, freed by free(). Reads all scores of all maps once, in blocks. */
attrib_status at_spreads_count(const at_shown *shown, at_spread **out, attrib_error *err);

/* 4. Tags that make groups (html_groups.c) */

#define AT_MAX_NAMES 6

typedef struct at_names {
    char *items[AT_MAX_NAMES]; /* [n] owned */
    size_t n;
} at_names;

/* The first AT_MAX_NAMES tags with 2 to 30 values: of all documents, `source` first, and
 * of queries. `out` is to be freed, failed or not. */
attrib_status at_document_groups(attrib_run *run, at_names *out, attrib_error *err);
attrib_status at_query_groups(const attrib_run *run, at_names *out, attrib_error *err);
void at_names_free(at_names *names);

/* 5. The chunks of a page (html_run.c, html_documents.c, html_answer.c, html_analysis.c)
 */

attrib_status at_page_run(const at_shown *shown, at_output *output, attrib_error *err);
/* The names of all documents; the texts of documents first .. end, which are whole
 * blocks; answers first .. end; tails under a setting, where there are any; all other
 * analyses. */
attrib_status at_page_names(const at_shown *shown, at_output *output, attrib_error *err);
attrib_status at_page_texts(const at_shown *shown,
                            size_t first,
                            size_t end,
                            at_output *output,
                            attrib_error *err);
attrib_status at_page_answers(const at_shown *shown,
                              size_t first,
                              size_t end,
                              at_output *output,
                              attrib_error *err);
bool at_page_has_tails(const at_shown *shown);
/* Put a sentence for each of the analyses that the page leaves out, as it has too many
 * queries for it, under the analysis's name. */
attrib_status at_page_left_out(const at_shown *shown, json_t *out, attrib_error *err);
attrib_status at_page_tails(const at_shown *shown,
                            size_t i_setting,
                            at_output *output,
                            attrib_error *err);
attrib_status at_page_analyses(const at_shown *shown,
                               at_output *output,
                               attrib_error *err);
/* Tags as [{key, value}, ...], since a key may be any text; values are JSON as text. */
attrib_status at_put_tags(json_t *object,
                          const attrib_tag *tags,
                          size_t n_tags,
                          attrib_error *err);

#endif
