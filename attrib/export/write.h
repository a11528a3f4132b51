/* SPDX-License-Identifier: MIT */
/* What all exports share: numbers, files, and what is said about every score. Private to
 * the export room. */
#ifndef AT_EXPORT_WRITE_H
#define AT_EXPORT_WRITE_H

#include "attrib/export.h"
#include "base/file.h"
#include "export/value.h"

/* Append a number with the fewest digits that read back as the same double, with a point
 * whatever the locale; null where it is not finite, as JSON has no word for it. */
attrib_status at_append_number(at_buffer *out, double value, attrib_error *err);

/* Write a whole text as a file. */
attrib_status at_write_whole(const char *path, const at_buffer *text, attrib_error *err);

/* A query of the run that measures what all of them do; NULL where they differ. */
const attrib_query *at_common_query(const attrib_run *run);

/* Append what the sign of a score says and what its size does not: "score > 0: more
 * weight on the document raises log p(completion | prompt); ...", by what the query
 * measures; NULL: queries that do not all measure the same. */
attrib_status at_append_scale(at_buffer *out,
                              const attrib_run_info *info,
                              const attrib_setting *setting,
                              const attrib_query *query,
                              attrib_error *err);

/* "0.1 x mean(Lambda)", "1e-08", or "none". */
attrib_status at_append_damping(at_buffer *out,
                                const attrib_setting *setting,
                                attrib_error *err);

/* The runs that a run is the sum of: "0.5 x model 1a2b3c4d, 0.5 x model 5e6f7a8b", with
 * factors where the models are the same. Nothing where it is no sum. */
attrib_status at_append_checkpoints(at_buffer *out,
                                    const attrib_run_info *info,
                                    attrib_error *err);

/* A setting in one word: "ekfac-0.1", "kfac-abs-1e-08", "identity". */
attrib_status at_append_setting(at_buffer *out,
                                const attrib_setting *setting,
                                attrib_error *err);

/* The number of matrices that an array of this shape has in files: one for each plane or
 * setting, but a single one where each setting is a row. */
size_t at_n_matrices(const attrib_run_info *info, attrib_array_shape shape);

/* Append the name of the matrix that `array` says: the array's name, then ".K" for the
 * K-th run of a sum, ".SETTING" for all but the first setting where the run has several,
 * then ".GROUP" for a group of maps. */
attrib_status at_append_matrix(at_buffer *out,
                               const attrib_run *run,
                               const attrib_array *array,
                               attrib_error *err);

/* Arrays of tokens (tokens.c): how many tokens all documents have together, and bytes,
 * handed to `write` in pieces: the matrix [all tokens, Q] f32 row-major that `array`
 * says, and [N + 1] i64 where each document's begin. */
typedef attrib_status (*at_bytes_fn)(void *context,
                                     const void *bytes,
                                     size_t n,
                                     attrib_error *err);

attrib_status at_count_all_tokens(attrib_run *run, size_t *out, attrib_error *err);
attrib_status at_write_tokens(attrib_run *run,
                              const attrib_array *array,
                              at_bytes_fn write,
                              void *context,
                              attrib_error *err);
attrib_status at_write_token_offsets(attrib_run *run,
                                     at_bytes_fn write,
                                     void *context,
                                     attrib_error *err);

/* The text of a document, of a pair its chosen side; and the rejected side of a pair.
 * None where the document's text is not held. */
at_value at_chosen_text(const attrib_document *document);
at_value at_rejected_text(const attrib_document *document);

/* Append the value of a tag as JSON, and tags as one JSON object. */
attrib_status at_append_tag_value(at_buffer *out, const char *value, attrib_error *err);
attrib_status at_append_tags(at_buffer *out,
                             const attrib_tag *tags,
                             size_t n_tags,
                             attrib_error *err);

/* An answer as one JSON object on one line. */
attrib_status at_append_answer(at_buffer *out,
                               attrib_run *run,
                               size_t i_answer,
                               attrib_error *err);

/* What a listing shows of a query. */
typedef struct at_listed {
    const attrib_run_info *info;
    const attrib_answer *answer; /* its query is empty where `by` is ATTRIB_BY_SELF */
    attrib_rank_by by;
    size_t n_ranked;   /* documents that were ranked anew; 0: the answer is the run's */
    const char *notes; /* what is to be said of these, or NULL */
    const attrib_tag *group; /* that all of them have, or NULL */
    const attrib_run *run; /* whose answer i_answer it is; NULL where it was made anew */
    size_t i_answer;
} at_listed;

/* ", 2520 documents", or how many of them a filter let through. */
attrib_status at_append_documents(at_buffer *out,
                                  const at_listed *listed,
                                  attrib_error *err);

/* How the curvature of a setting came in: "ekfac, damping 0.1 x mean(Lambda)", or by
 * segments of a training. */
attrib_status at_append_curvature(at_buffer *out,
                                  const attrib_run_info *info,
                                  const attrib_setting *setting,
                                  attrib_error *err);

/* How a query's preconditioned gradient was refined and scaled, where it was: ", refined
 * by cg to a residual of 0.001, times its Gauss-Newton scale". */
attrib_status at_append_refinement(at_buffer *out,
                                   const at_listed *listed,
                                   attrib_error *err);

/* What its numbers say. */
attrib_status at_append_meaning(at_buffer *out,
                                const at_listed *listed,
                                attrib_error *err);
attrib_status at_append_listing(at_buffer *out,
                                const at_listed *listed,
                                const attrib_text_options *options,
                                attrib_error *err);
attrib_status at_append_listing_json(at_buffer *out,
                                     const at_listed *listed,
                                     attrib_error *err);

/* Whole runs, one function a format. */
attrib_status at_export_jsonl(attrib_run *run, const char *path, attrib_error *err);
attrib_status at_export_json_rows(attrib_run *run,
                                  const attrib_export_options *options,
                                  const char *path,
                                  attrib_error *err);
attrib_status at_export_csv(attrib_run *run,
                            const attrib_export_options *options,
                            const char *path,
                            attrib_error *err);
attrib_status at_export_npz(attrib_run *run,
                            const attrib_export_options *options,
                            const char *path,
                            attrib_error *err);
attrib_status at_export_safetensors(attrib_run *run, const char *path, attrib_error *err);
attrib_status at_export_columns(attrib_run *run,
                                const attrib_export_options *options,
                                const char *path,
                                attrib_error *err);
attrib_status at_export_sqlite(attrib_run *run,
                               const attrib_export_options *options,
                               const char *path,
                               attrib_error *err);
/* A page of runs [n_runs] of the same queries and documents. */
attrib_status at_export_html(attrib_run *const *runs,
                             size_t n_runs,
                             const char *path,
                             attrib_error *err);

/* Documents whose scores are read at once: about 16 MiB of them, at least one. */
size_t at_block_documents(const attrib_run_info *info);

#endif
