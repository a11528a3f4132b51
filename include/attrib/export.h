/* SPDX-License-Identifier: MIT */
/* Runs for people and for other programs. `path` "-" is standard output; files appear
 * whole or not at all. */
#ifndef ATTRIB_EXPORT_H
#define ATTRIB_EXPORT_H

#include <attrib/analyze.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How an answer is printed for a person; attrib_text_options_default() fills it. */
typedef struct attrib_text_options {
    size_t size;      /**< sizeof the struct; set by attrib_text_options_default() */
    bool is_coloured; /**< ANSI colours of tokens, in place of marks around words */
    bool is_ascii;    /**< signs and marks are ASCII; texts stay as they are */
    size_t width;     /**< columns; 0 = 100 */
    size_t n_shown;   /**< documents shown of each end; 0 = all reported */
} attrib_text_options;

/** Fill `options`: no colours, UTF-8, 100 columns, all documents that are reported.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_text_options_init(attrib_text_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_text_options_default(attrib_text_options *options)
{
    attrib_text_options_init(options, sizeof *options);
}

/** Answer i < n_answers as text: the query, its completion and loss, then rank, score,
 * place and a snippet around the most influential tokens of each document. Loads the
 * answer (attrib_run_load()).
 * @par Threads  Not safe on one run.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_export_text(attrib_run *run,
                   size_t i_answer,
                   const attrib_text_options *options,
                   const char *path,
                   attrib_error *err);

/** Answer i < n_answers as one JSON object: query {id, prompt, completion, loss, ...},
 * results [{rank, score, document {id, source, member, line, span, tags, text}, tokens
 * [{text, score}], modules {name: score}}] best first, opposed [the same] worst first,
 * run {n_documents, strategy, damping, ..., meaning}. Bytes that are no UTF-8, as of a
 * token that is a part of a character, become U+FFFD. Loads the answer
 * (attrib_run_load()).
 * @par Threads  Not safe on one run.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_export_json(attrib_run *run,
                                                              size_t i_answer,
                                                              const char *path,
                                                              attrib_error *err);

/** What is listed of a run; attrib_list_options_default() fills it. */
typedef struct attrib_list_options {
    size_t size; /**< sizeof the struct; set by attrib_list_options_default() */
    attrib_rank_by by;
    const char *query;         /**< its id; NULL: every query, one after the other */
    size_t i_setting;          /**< < n_settings of the run */
    const attrib_where *where; /**< documents that take part; NULL: all */
    const char *by_tag; /**< NULL, or a tag: documents are ranked in each group that has
                           the same value of it, one listing a group, at most 1,000; only
                           with #ATTRIB_BY_SELF */
    size_t n_shown;     /**< documents of each end; 0: as many as the run reports */
    bool is_json;       /**< a line of JSON a query, as attrib_export_json() */
    const attrib_text_options *text; /**< NULL: the defaults; its n_shown is not used */
} attrib_list_options;

/** Fill `options`: by score, every query under the first setting, as reported.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_list_options_init(attrib_list_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_list_options_default(attrib_list_options *options)
{
    attrib_list_options_init(options, sizeof *options);
}

/**
 * List documents of a run, as attrib_export_text() and attrib_export_json() show those
 * that were reported.
 *
 * Others than these are asked for by `by`, `where`, or more of them than are reported;
 * then attrib_run_rank() ranks anew, ranks count the documents that take part, and what
 * was not reported has its text read again, where that is at hand, without shares of
 * tokens; the listing says so. Shares of those reported are scaled with their number.
 * Self-influences are of no query: there is one listing of their largest.
 *
 * @param session  may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL for a query that the run does not have and for
 * options; what attrib_run_rank() and writing say; ATTRIB_ENOMEM.
 * @par Threads  Not safe on one run.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_export_list(attrib_session *session,
                   attrib_run *run,
                   const attrib_list_options *options,
                   const char *path,
                   attrib_error *err);

/** Formats of whole runs. */
typedef enum attrib_export_format {
    ATTRIB_EXPORT_JSONL, /**< one object an answer, as attrib_export_json(); with fields
                            or with_all, one a row */
    ATTRIB_EXPORT_CSV,   /**< one row a document that was reported: query, rank, score,
                            document, source, member, line, setting, completion_by, or the
                            fields */
    ATTRIB_EXPORT_NPZ,   /**< scores [Q, N], query_ids, document_ids; for other settings
                            and groups scores.SETTING.GROUP; of cut queries bounds; of
                            divided scores raw_scores; of a sum of runs
                            checkpoint_scores.K[.SETTING] of each; self
                            [settings, N] where it is known; shares of tokens [all
                            tokens, Q] f32 with token_offsets [N + 1] */
    ATTRIB_EXPORT_SAFETENSORS, /**< the same arrays, f64, and in Kronfluence's layout
                                 all_modules [Q, N] f32; ids in the metadata */
    ATTRIB_EXPORT_SQLITE,      /**< a database, whose tables attrib/export/README.md
                                  describes; not to standard output */
    ATTRIB_EXPORT_HTML, /**< one page for browsers, which needs no network: the reported
                          documents with shares of tokens (of 8 bits) and of modules, and
                          how the scores of all documents are spread; fewer documents of
                          each end than are reported, which the page says, where their
                          tokens are more than 8 Mi. ESHAPE where further runs are not of
                          the same queries and documents */
    ATTRIB_EXPORT_PARQUET, /**< the rows of csv; all of their fields where none are named
                            */
    ATTRIB_EXPORT_ARROW,   /**< the same as a stream of Arrow IPC */
    ATTRIB_EXPORT_MSGPACK  /**< the same, a map a row */
} attrib_export_format;

/** How a run is written; attrib_export_options_default() fills it. */
typedef struct attrib_export_options {
    size_t size; /**< sizeof the struct; set by attrib_export_options_default() */
    attrib_export_format format; /**< default #ATTRIB_EXPORT_JSONL */
    bool with_all;      /**< scores of all documents, not only of those reported, in the
                           formats      of rows: jsonl, csv, parquet, arrow, msgpack, sqlite */
    const char *fields; /**< names of columns, separated by commas: jsonl then holds an
                           object a row, not one a query, and npz an array for each that
                           belongs to queries or to documents; NULL: the format's own.
                           Names that are unknown are EINVAL with a list of those that are
                           known */
    bool is_csv_raw; /**< texts stand in CSV as they are, even where a spreadsheet would
                        run them as formulas or a terminal would obey them */
    attrib_run *const *others; /**< html: runs that stand in the same page, [n_others],
                                  which all have the same queries, and documents of the
                                  same tokens; of other models, checkpoints or methods.
                                  Borrowed */
    size_t n_others;
} attrib_export_options;

/** Fill `options`: JSON lines, reported documents.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_export_options_init(attrib_export_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_export_options_default(attrib_export_options *options)
{
    attrib_export_options_init(options, sizeof *options);
}

/** Write a whole run. `options` may be NULL: the defaults. ENOTSUP where a format cannot
 * hold the run, as estimates of an index (attrib_result.is_estimate), which JSON lines of
 * whole answers alone mark; EINVAL for options that do not go together.
 * @par Threads  Not safe on one run: a run keeps the part of its scores that was read
 * last.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_export_run(attrib_run *run,
                  const attrib_export_options *options,
                  const char *path,
                  attrib_error *err);

/** Formats of analyses. */
typedef enum attrib_analysis_format {
    ATTRIB_ANALYSIS_TEXT, /**< a listing for a person, without the columns that are
                             details */
    ATTRIB_ANALYSIS_JSON, /**< one object {kind, notes [text], tables [{name, title,
                             columns [{name, unit, help}], rows [{column: value}]}]};
                             what is not known is null */
    ATTRIB_ANALYSIS_CSV   /**< one table with all its columns; what is not known is empty,
                             and texts are harmless to spreadsheets */
} attrib_analysis_format;

/** Write an analysis.
 * @param analysis borrowed
 * @param format   of the file
 * @param table    of CSV: the name of the table, NULL: the first
 * @param options  of text: width, is_ascii, and n_shown for the rows of each table that
 * are listed at most; NULL: the defaults
 * @param path     a file, or "-"
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL for a table that there is not; ATTRIB_EIO;
 * ATTRIB_ENOMEM.
 * @par Threads    Safe on distinct paths.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_export_analysis(const attrib_analysis *analysis,
                       attrib_analysis_format format,
                       const char *table,
                       const attrib_text_options *options,
                       const char *path,
                       attrib_error *err);

/** Which documents of a run are chosen; attrib_choice_options_default() fills it. */
typedef struct attrib_choice_options {
    size_t size;       /**< sizeof the struct; set by attrib_choice_options_default() */
    const char *query; /**< the id of the query whose scores rank the documents; NULL: the
                          `aggregate` of their scores for all queries */
    size_t i_setting;  /**< of the run's settings; default 0 */
    const attrib_where *where; /**< borrowed: conditions that they meet; NULL: none */
    size_t top;                /**< at most so many of the best; 0: no limit */
    double share; /**< of those that meet the conditions, the best of this share, rounded,
                     and at least one, 0 <= share <= 1; 0: no limit */
    bool is_in_order; /**< written in the order of the corpus, not the best first */
    attrib_aggregate aggregate; /**< without `query`: what ranks, default their sum */
} attrib_choice_options;

/** Fill `options`: all documents, the best first, by the sum of their scores.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_choice_options_init(attrib_choice_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_choice_options_default(attrib_choice_options *options)
{
    attrib_choice_options_init(options, sizeof *options);
}

/**
 * Write the original rows of chosen documents as JSON lines: those of JSON as they stand
 * in their files, but on one line, those of other tables as rows of JSON, and texts as
 * rows {id, text}. A row that gave several documents is written once.
 *
 * @param session  may be NULL
 * @param options  may be NULL: the defaults
 * @param path     "-" is standard output
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EFORMAT where a document changed since it was scored;
 * ATTRIB_EIO where its file is gone; ATTRIB_ENOTSUP where it was read from standard
 * input, from memory or from a file of tokens; ATTRIB_EINVAL for a query or setting that
 * the run does not have, and where no document meets the conditions; ATTRIB_ECANCELED;
 * ATTRIB_ENOMEM. No file is written then.
 * @par Threads  Not safe on one run.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_export_originals(attrib_session *session,
                        attrib_run *run,
                        const attrib_choice_options *options,
                        const char *path,
                        attrib_error *err);

/** What a path holds (a model's folder, a GGUF file, a tokenizer, tensors, factors, a
 * run, or else a corpus), as text or, with is_json, one JSON object. A GGUF file whose
 * model cannot be run, and a tokenizer that cannot be read, are told with the rest, and
 * EFORMAT says why once it is written. `adapter` is the folder of a LoRA adapter that
 * models are read with, or NULL; EINVAL where the path holds no model.
 * @par Threads  Safe on distinct output paths.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_inspect(const char *path,
                                                          const char *adapter,
                                                          bool is_json,
                                                          const char *output_path,
                                                          attrib_error *err);

#ifdef __cplusplus
}
#endif
#endif
