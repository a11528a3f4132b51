/* SPDX-License-Identifier: MIT */
/* Documents with their origin: from files, folders, archives and streams to tokens. */
#ifndef ATTRIB_CORPUS_H
#define ATTRIB_CORPUS_H

#include <attrib/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What becomes of a row that cannot be read. */
typedef enum attrib_bad_rows {
    ATTRIB_BAD_ROWS_STOP, /**< the corpus is not read */
    ATTRIB_BAD_ROWS_SKIP  /**< it is left out, counted and listed */
} attrib_bad_rows;

/** The type of token ids in a file that does not say it. */
typedef enum attrib_token_dtype {
    ATTRIB_TOKENS_FROM_FILE, /**< only files that say it are read */
    ATTRIB_TOKENS_UINT16,
    ATTRIB_TOKENS_UINT32,
    ATTRIB_TOKENS_INT32
} attrib_token_dtype;

/** What becomes of a row with two completions, `chosen` and `rejected`. */
typedef enum attrib_preference {
    ATTRIB_PREFERENCE_CHOSEN, /**< the chosen one is the document, as if it stood alone */
    ATTRIB_PREFERENCE_MARGIN  /**< both are: its loss is loss(chosen) - loss(rejected) */
} attrib_preference;

/** How documents are read; attrib_corpus_options_default() fills it. Keys may be paths
 * into a row: meta.source or /meta/0/source. */
typedef struct attrib_corpus_options {
    size_t size; /**< sizeof the struct; set by attrib_corpus_options_default() */
    const char *text_field;   /**< JSON key of a document's text, which then goes before a
                                 prompt and completion; NULL: "text", where
                                 there are none */
    const char *id_field;     /**< JSON key of a document's id; default "id" */
    const char *prompt_field; /**< key of the prompt; NULL: the usual names */
    const char *completion_field; /**< key of the completion; NULL: the usual names */
    const char *messages_field;   /**< key of messages; NULL: the usual names */
    const char *tag_fields; /**< keys that are tags, separated by commas; NULL: all that
                               are not read, "" none */
    size_t context;      /**< tokens a sequence holds, >= 2; longer documents are split */
    size_t n_vocabulary; /**< ids must be below it; 0 = unchecked */
    size_t max_documents; /**< stop after so many; 0 = all */
    bool append_eos;  /**< end documents with what the tokenizer puts after a text, and
                         with its EOS where it has one; default true */
    const char *unit; /**< what of a plain text is a document: "line", "paragraph" (up to
                         a blank line), "tokens:N" (so many tokens, of files of tokens
                         too), or "regex:E" (what stands between matches of E); NULL or
                         "document": the whole */
    attrib_token_dtype token_dtype; /**< of files of tokens that do not say it: .bin and
                                       .npy of ids alone */
    const char *document_end; /**< of files of tokens: the id that ends a document, or
                                 "none"; NULL: the tokenizer's EOS */
    const char *include; /**< patterns of the shell, separated by commas: of folders and
                         archives only such files, whatever their kind; NULL: all */
    const char *exclude; /**< the same of files that are left out */
    attrib_bad_rows
        on_bad_row; /**< of a corpus; a query that cannot be read always stops */
    attrib_preference preference; /**< of a corpus; a query asks about the chosen one */
    const char *
        chat_template; /**< of conversations: a name, "model" for the model's own, or a
                          file; NULL = that where it has one, and prompts as they stand */
    const char *date;  /**< "YYYY-MM-DD", which templates take for today; NULL = today */
    const char
        *scratch_folder; /**< where the token store spills; NULL = $TMPDIR or /tmp */
    size_t ram_limit;    /**< bytes of memory that the process may have in use while files
                            are read; 0 = no limit. A text or row that takes more is
                            refused by its place */
    const char *const *where; /**< [n_where] conditions that documents meet, as
                                 attrib_where_new() reads them; others are left out */
    size_t n_where;           /**< 0: no conditions */
    size_t max_tokens; /**< leave out documents of more tokens; 0: take any length */
    size_t sample; /**< take so many documents, drawn from those that meet the rest; 0:
                      all of them. Which are drawn depends on the bytes that they are read
                      from and on the seed, not on their order or where they stand */
    uint64_t sample_seed;
    const char *sample_by; /**< key of a tag, each of whose values has the share in the
                              sample that it has in the corpus; NULL: none */
    bool deduplicate;      /**< of documents with the same tokens of which the same count
                              keep the first, with tags "n_copies" and "copies", a list of
                              the ids of others (64 at most) */
} attrib_corpus_options;

/** Where documents are read from: files, folders or "-". */
typedef struct attrib_paths {
    const char *const *paths; /**< [n] */
    size_t n;                 /**< >= 1 */
} attrib_paths;

/** A corpus: its tokenized documents, in the order read; read-only once open. */
typedef struct attrib_corpus attrib_corpus;

/** A JSON field of a document that is neither its text nor its id: a scalar, or a list of
 * scalars; the key of one in an object is its path, meta.source. */
typedef struct attrib_tag {
    const char *key;
    const char *value; /**< compact JSON: "person", 12, true, ["a", "b"] */
} attrib_tag;

/** One document. Pointers are borrowed from the corpus, valid until it is closed. */
typedef struct attrib_document {
    size_t index;       /**< in the corpus, from 0 */
    const char *id;     /**< its id field, or source[:member][:line], or
                           source[:member]#paragraph7 of a part; never NULL */
    const char *source; /**< the path as given or found; "-" for standard input */
    const char *member; /**< path inside the archive; NULL where there is none */
    size_t
        line; /**< of the JSON row or of a part of a text, from 1; 0 for a whole file */
    size_t span_start,
        span_end; /**< bytes of the (uncompressed) file or member it stands in */
    const attrib_tag *tags;
    size_t n_tags;
    const char *text; /**< what was tokenized, UTF-8; NULL for rows that came as ids */
    size_t n_text_bytes;
    size_t n_tokens;       /**< of the whole document */
    size_t n_predicted;    /**< of these, tokens whose loss counts */
    size_t first_sequence; /**< its sequences are consecutive */
    size_t n_sequences;
    /** Where the rejected side begins, in the tokens and in the bytes of the text; the
     * chosen side stands before it. 0 and 0: the document is not a pair. */
    size_t rejected_token, rejected_byte;
    /** XXH3-128, 32 hexadecimal digits, of the bytes that the document was read from, by
     * which they are known again: of a text or a part of one the bytes of its span, of a
     * row of JSON the row, of another table's row what it is as a row of JSON, of a file
     * of tokens the ids as int32_t. Documents of one row share it. */
    char hash[33];
} attrib_document;

/** A direction in the hidden states of a model, and where in a text it is measured:
 *
 *     f = mean over the positions t of  values . h_layer[t]
 *
 * h_l is what layer l reads, counted from 0; h_L, of a model of L layers, is what its
 * head reads, after the last norm: so transformers counts in output_hidden_states. Maps
 * of layers from `layer` on have no part in f. Borrowed. */
typedef struct attrib_direction {
    const char *path;         /**< the .npy file that it came from, as its row names it */
    const float *values;      /**< [n_values]; NULL in the answers of a run */
    size_t n_values;          /**< D */
    size_t layer;             /**< 1 .. L */
    const uint8_t *positions; /**< [T] 1 where the hidden state is measured */
} attrib_direction;

/** One sequence: a document, or a part of one that is longer than the context. Borrowed.
 */
typedef struct attrib_sequence {
    size_t document;       /**< index of its document */
    size_t offset;         /**< of its first token in the document */
    size_t n_tokens;       /**< T, 1 <= T <= context */
    const int32_t *ids;    /**< [T] */
    const uint8_t *mask;   /**< [T]; 1 where the loss of predicting ids[t] from before
                              counts; mask[0] = 0 */
    const int32_t *labels; /**< [T]; labels drawn before, which the sampled Fisher takes
                              in place of drawing them; or NULL */
    bool is_subtracted;    /**< of a rejected side: its loss, and so its gradient, count
                              with the opposite sign */
    const attrib_direction *direction; /**< of a query: its loss is -f of this, and no
                                          token counts; else NULL */
} attrib_sequence;

/** What was read and what was left out, for the statistics of a run. */
typedef struct attrib_corpus_summary {
    size_t n_documents, n_sequences, n_tokens,
        n_predicted;           /**< predicted: tokens with mask 1 */
    size_t n_files, n_members; /**< files opened, archive members among them read */
    size_t n_skipped_files;    /**< in folders and archives, of a kind that holds no
                                  documents */
    size_t n_excluded_files;   /**< that patterns leave out */
    size_t n_repeated_files;   /**< that were read under another name already */
    size_t n_about_files;      /**< among data: README, licence and their like */
    size_t n_empty_documents;  /**< without text, or without a predicted token */
    size_t n_split_documents;  /**< longer than the context */
    size_t n_skipped_rows;     /**< that could not be read */
    size_t n_html_records;     /**< of WARC, not read: HTML */
    size_t n_other_records;    /**< of WARC, not read: requests, metadata, and content
                                  that is no plain text */
    size_t n_hidden_texts;     /**< not read: their rows have a prompt and completion */
    size_t n_pairs;            /**< documents with a chosen and a rejected side */
    size_t n_unmet_documents;  /**< left out: they do not meet options->where */
    size_t n_long_documents;   /**< left out: of more than options->max_tokens */
    size_t n_unsampled_documents; /**< left out: options->sample did not draw them; rows
                                     that hold several documents may count as one */
    size_t n_duplicates;          /**< of the documents: with the tokens and mask of one
                                     before them */
    size_t n_copies;              /**< left out by options->deduplicate: such ones */
} attrib_corpus_summary;

/** Fill `options`: id "id", context 1,024, no limits, EOS appended.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_corpus_options_init(attrib_corpus_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_corpus_options_default(attrib_corpus_options *options)
{
    attrib_corpus_options_init(options, sizeof *options);
}

/**
 * Read and tokenize a corpus into a store that is mapped from an unlinked scratch file,
 * so that memory does not grow with the corpus.
 *
 * Paths are files, folders (read recursively in name order; hidden entries and links to
 * folders are left out) or "-". Read as documents: plain text and Markdown (a file is one
 * document), JSONL (a row is one), a JSON array of such rows, CSV and TSV with a header
 * (a record is a row of strings; empty cells without quotes are null), Parquet (a row is
 * one of JSON; binary columns are left out unless they are asked for), Arrow IPC files
 * and streams, and WARC and WET files (a record of plain text is a row); each plain,
 * compressed (gz, zst, xz, bz2, lz4) or in archives (tar, zip, 7z, cpio). And files of
 * tokens as they lie, .bin with .idx, .npy and .bin (attrib/corpus/README.md says which):
 * all of a document's tokens count but the first, and its line is its number. A name's
 * extension says what a file is; without one, and on standard input, its content does,
and Parquet, Arrow and WARC are known by their first bytes under any name. In
 * folders and archives files of other kinds are left out and counted; archives in
 * archives are not opened. A file is read once, however often it is named or linked to.
 * Other kinds of text, as source code, are read where a path names them or
 * options->include matches them. README, LICENSE, dataset_info.json and their like are
 * left out and counted too, but where a path names one itself, or a folder or archive
 * that holds no other file. A Git LFS pointer in place of a file is ATTRIB_ENOTSUP.
 *
 * A row's kind is told by its fields, in this order; fields that are null count as
 * absent. Other scalar fields are tags, and so are lists of at most 64 scalars, and
 * those of objects, by their path (but the members of an object `tags`, by their keys):
 *
 *     the fields that options name: messages, prompt and completion, text
 *     ids [mask] [labels or sampled]   tokens, as they are; mask: all but the first
 *     input_ids [attention_mask] [labels]   the same as trainers keep them: padding at
 *                                      the ends is left out, and the loss counts where
 *                                      labels are not negative
 *     messages, conversations or conversation [{role, content}] or [{from, value}]
 *                                      loss on what assistant, gpt and model say
 *     a prompt and its completion      loss on the completion
 *     instruction, its answer [input or context]
 *                                      prompt = instruction ["\n" input] "\n"
 *     instruction, instances [{input, output}]   a document each
 *     text                             loss on all but the first token
 *
 * A prompt and its completion have the names prompt completion, prompt response,
 * instruction output, instruction response, question answer, query response, input
 * output, or inputs targets, in this order. Or else the first of prompt, instruction,
 * question, query, problem, inputs and input is the prompt, and the only one of
 * completion, response, output, answer, chosen, solution, targets and target is its
 * completion. Either may be a list of messages; the row is then a conversation, and so is
 * one with a `system` or with a `history` of pairs, which stand before the prompt.
 *
 * What is said may be a list of parts, {"type": "text", "text"}: its text is that of all
 * parts, but templates that go through parts are given them. Other parts are ENOTSUP.
 *
 * Under ATTRIB_PREFERENCE_MARGIN a row with `chosen` and `rejected` is one document of
 * two sides, whatever fields options name but the prompt: the tokens that its prompt and
 * the chosen completion give, and after them those of the prompt and the rejected one.
 * No sequence holds tokens of both sides, and nothing of one sees the other. The loss of
 * the document, its gradient, its scores and the shares of its tokens are those of the
 * chosen side minus those of the rejected one. A row with one of the two fields, or whose
 * sides do not both have a token that counts, is ATTRIB_ESHAPE, and so is a corpus
 * without such a pair; rows without either field are what they are otherwise.
 *
 * ids = encode(text) with the special tokens that the tokenizer puts before a text, then,
 * where append_eos asks for it, those that it puts after one, and its EOS where they do
 * not end in it. So a document ends as a model sees it in training, and a prompt with its
 * completion is one text: nothing stands between the two, whatever the tokenizer puts
 * after a text. Nor does anything stand after the prompt or the completion of a query,
 * and without append_eos nothing after any text.
 *
 * Messages, conversations and instructions are written by the chat template that
 * options->chat_template names, or else by the model's own, which is given them as they
 * are, with thoughts, calls and the row's `tools`; ids = encode(text) then, the special
 * tokens being those that the template writes, with loss on what the assistant says and
 * on the token that ends its turn (attrib/tokenizer/README.md says which text that is),
 * but for turns that say {"train": false} or {"weight": 0}. Under a name, prompt and
 * completion are turns too; otherwise they stand as they are. "plain", and a model
 * without a template, write what was said and a newline, and instructions as the table
 * has them; calls, thoughts and tools, which have no place there, are ENOTSUP. A template
 * of the model's that cannot be run fails where a conversation needs it.
 *
 * A part with loss begins where the ids leave the longest common prefix with
 * those of the text before it; the EOS belongs to the last part. The first token of a
 * document is never predicted. Text is strict UTF-8 without NUL.
 *
 * A document of T tokens longer than the context C is cut into sequences of at most C
 * tokens that overlap by one, [k (C - 1), k (C - 1) + C), so that every token but the
 * first is predicted exactly once.
 *
 * Memory holds one batch: 1,024 documents or 16 MiB of them, or one document that is
 * longer. A row longer than 256 MiB, or a text longer than 1 GiB, is ATTRIB_ERANGE, so
 * that a small file which unpacks to a huge one costs time and scratch space only.
 *
 * @param session    may be NULL
 * @param paths      borrowed until the call returns
 * @param tokenizer  may be NULL where all rows are tokens; borrowed until the call
 * returns
 * @param options    may be NULL: the defaults
 * @param out        the corpus, owned by the caller; written only on success
 * @param err        may be NULL; names source, member and line
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_EFORMAT (JSON, UTF-8, damaged archive);
 * ATTRIB_ESHAPE for rows without the fields of any kind; ATTRIB_ERANGE for ids outside
 * the vocabulary; ATTRIB_ENOTSUP (encrypted archives, kinds of file named on the command
 * line that hold no documents); ATTRIB_EINVAL for options, for a unit, a token dtype or a
 * document end that concerns nothing of what was read, and for a corpus without one
 * document; ATTRIB_ENOMEM.
 * @par Threads  Safe, but "-" is for one call at a time; the same bytes for any number of
 * the session's threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_corpus_open(attrib_session *session,
                   const attrib_paths *paths,
                   const attrib_tokenizer *tokenizer,
                   const attrib_corpus_options *options,
                   attrib_corpus **out,
                   attrib_error *err);

/** What a token store is made of; attrib_ingest_job_default() fills it. All is borrowed.
 */
typedef struct attrib_ingest_job {
    size_t size; /**< sizeof the struct; set by attrib_ingest_job_default() */
    const attrib_paths *paths;
    const attrib_tokenizer *tokenizer;
    const attrib_corpus_options *options; /**< may be NULL: the defaults */
} attrib_ingest_job;

/** Fill `job`: nothing but its size.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_ingest_job_init(attrib_ingest_job *job, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_ingest_job_default(attrib_ingest_job *job)
{
    attrib_ingest_job_init(job, sizeof *job);
}

/**
 * Read a corpus, as attrib_corpus_open() does, and keep it as a token store: one file of
 * its tokens, masks, texts and tags, which attrib_corpus_open() takes in the place of the
 * paths, alone, and maps. The corpus is the same then, to the hash.
 *
 * A store is bound to the tokenizer and the options that it was made with: others are
 * refused when it is opened, and options that are not given are the store's. Selections,
 * max_documents and another context apply to what it holds. A store whose sources are
 * there and have changed since is opened with a warning.
 *
 * @param session  may be NULL: one thread
 * @param job   borrowed until the call returns
 * @param path  of the store, which is written whole or not at all
 * @param out   the corpus, as attrib_corpus_open(); may be NULL
 * @return as attrib_corpus_open(); ATTRIB_EIO where the store cannot be written, and
 * where a file changed while it was read; ATTRIB_EINVAL where a path is a store.
 * @par Threads  As attrib_corpus_open().
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_corpus_ingest(attrib_session *session,
                     const attrib_ingest_job *job,
                     const char *path,
                     attrib_corpus **out,
                     attrib_error *err);

/** Whether a path is a token store.
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_store_is(const char *path);

/** Whether the sources of a token store are what they were when it was made: the same
 * files, in size, and in time or bytes.
 * @return ATTRIB_OK; as attrib_corpus_open() for a store that cannot be read.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_store_is_current(const char *path,
                                                                   bool *out,
                                                                   attrib_error *err);

/** A document that a program has in memory: a text, or tokens. All is borrowed until the
 * call that takes it returns. Zeroed fields are absent. */
typedef struct attrib_row {
    const char *id;        /**< UTF-8; NULL or "": "rows:N", its place from 1 */
    const char *text;      /**< [n_text_bytes] UTF-8 without NUL; NULL: `ids` hold it */
    size_t n_text_bytes;   /**< without a NUL that may stand after the text */
    const int32_t *ids;    /**< [n_tokens] tokens as they are; NULL: `text` holds it */
    const uint8_t *mask;   /**< [n_tokens] 0 or 1, mask[0] = 0; NULL: all but the first */
    const int32_t *labels; /**< [n_tokens] as in attrib_sequence, negative where there
                              is none and mask is 0; NULL: none */
    size_t n_tokens;
    const attrib_tag *tags; /**< [n_tags] their keys differ */
    size_t n_tags;
} attrib_row;

/** Rows, as #ATTRIB_LIST makes them. */
typedef struct attrib_rows {
    const attrib_row *rows; /**< [n], row_bytes apart */
    size_t n, row_bytes;
} attrib_rows;

/**
 * Make a corpus of rows in memory: attrib_corpus_open() without a file.
 *
 * A text becomes tokens as that of a row {id, text, tags} does, and ids are taken as
 * those of a row {id, ids, mask, labels, tags}: rows with ids of their own give the
 * documents and the hash that they give in a JSONL file. The documents' source is "rows",
 * their line the row's place from 1, and their span is 0. Options that name fields, files
 * and units of plain text have no part in it.
 *
 * @param session    may be NULL
 * @param rows       at least 1; borrowed until the call returns
 * @param tokenizer  may be NULL where all rows are ids; borrowed until the call returns
 * @param options    may be NULL: the defaults
 * @param out        the corpus, owned by the caller; written only on success
 * @param err        may be NULL; names the row, "rows:3"
 * @return ATTRIB_OK; ATTRIB_ESHAPE for a row with both a text and ids, or neither, and
 * for a mask or labels without ids; ATTRIB_EFORMAT for text that is not UTF-8 or has a
 * NUL, masks other than 0 and 1, and tags that are not JSON; ATTRIB_ERANGE for ids
 * outside the vocabulary, and for a text of more than 256 MiB; ATTRIB_EINVAL for options,
 * for text without a tokenizer, and for a corpus without one document; ATTRIB_EIO for its
 * scratch file; ATTRIB_ECANCELED; ATTRIB_ENOMEM. Where options->on_bad_row says so, rows
 * that cannot be read are left out instead.
 * @par Threads      Safe; the same bytes for any number of the session's threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_corpus_from_rows(attrib_session *session,
                        const attrib_rows *rows,
                        const attrib_tokenizer *tokenizer,
                        const attrib_corpus_options *options,
                        attrib_corpus **out,
                        attrib_error *err);

/** Close a corpus and give back its store; NULL is fine.
 * @par Threads  No call that uses the corpus, or what was borrowed from it, may be
 * running.
 */
ATTRIB_API void attrib_corpus_close(attrib_corpus *corpus);

/** What was read; borrowed.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_corpus_summary *attrib_corpus_summarize(
    const attrib_corpus *corpus);

/** Rows that were left out for the same reason. */
typedef struct attrib_skipped {
    const char *reason; /**< of the first of them; borrowed from the corpus */
    size_t n;
} attrib_skipped;

/** The reason i for which rows were left out; false where there are no more.
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_corpus_skipped(const attrib_corpus *corpus,
                                      size_t i,
                                      attrib_skipped *out);

/**
 * Write the rows that were left out as lines of JSON {source, member, line, reason}.
 *
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_ENOMEM.
 * @par Threads  Safe on distinct paths.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_corpus_write_skipped(
    const attrib_corpus *corpus, const char *path, attrib_error *err);

/** Give back the memory of what was read of documents: the store is a mapped file, whose
 * pages stay in memory until something else needs it. They are read again when they are
 * asked for; all that was borrowed stays valid. For programs that go through a corpus.
 * @par Threads  Safe.
 */
ATTRIB_API void attrib_corpus_forget(const attrib_corpus *corpus);

/** XXH3-128 of all documents' ids, tokens and masks: 32 hexadecimal digits, borrowed.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_corpus_hash(const attrib_corpus *corpus);

/** In words, which documents were selected of what was read: "where kind=person; sample
 * of 100, seed 0"; "" for all of them. Borrowed. Manifests of factors and runs keep it.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_corpus_selection(const attrib_corpus *corpus);

/** The day that its chat template takes for today, "YYYY-MM-DD", borrowed; "" where no
 * template asks for it. Manifests of factors and runs keep it.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_corpus_date(const attrib_corpus *corpus);

/** Document i < n_documents. `out` holds no memory to free.
 * @par Threads  Safe.
 */
ATTRIB_API void attrib_corpus_document(const attrib_corpus *corpus,
                                       size_t i,
                                       attrib_document *out);

/** Conditions that a document meets or not, as attrib_where_new() reads them. */
typedef struct attrib_where attrib_where;

/**
 * Read conditions, all of which must hold: KEY=VALUE, KEY!=VALUE, or with <, <=, >, >=
 * and a number.
 *
 * KEY is a tag's, or `id`, `source`, `member`, `line`, `n_tokens`, `n_predicted` of the
 * document itself; `tags.KEY` is always a tag's. A value equals a tag that is this text,
 * or, where both are numbers, this number, or a list that has such an element. A document
 * without the tag differs from every value, and is neither below nor above any. Texts
 * that read as numbers, as those of tables are, are compared by size as such.
 *
 * @param conditions  [n] borrowed until the call returns
 * @param out         owned by the caller; written only on success
 * @return ATTRIB_OK; ATTRIB_EINVAL for a condition that cannot be read; ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_where_new(const char *const *conditions,
                                                            size_t n,
                                                            attrib_where **out,
                                                            attrib_error *err);

/** Whether a document meets all conditions; those of NULL are met by all.
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_where_holds(const attrib_where *where,
                                   const attrib_document *document);

/** Free conditions; NULL is fine.
 * @par Threads  No call that uses them may be running.
 */
ATTRIB_API void attrib_where_free(attrib_where *where);

/** Sequence i < n_sequences.
 * @par Threads  Safe.
 */
ATTRIB_API void attrib_corpus_sequence(const attrib_corpus *corpus,
                                       size_t i,
                                       attrib_sequence *out);

/** What a query measures: the function f of the weights whose change scores predict. Two
 * sides of a margin are log-probabilities in nats, summed over their tokens that count.
 */
typedef enum attrib_measure {
    ATTRIB_MEASURE_LOGPROB,     /**< log p(completion | prompt), nats */
    ATTRIB_MEASURE_MARGIN,      /**< log p(completion | prompt) - log p(against | prompt),
                                   nats */
    ATTRIB_MEASURE_PROBABILITY, /**< p(completion | prompt), from 0 to 1 */
    ATTRIB_MEASURE_DIRECTION    /**< the hidden state along an attrib_direction */
} attrib_measure;

/** The name of a measurement: "log-probability", "margin", "probability", "direction";
 * static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_measure_name(attrib_measure measure);

/** One query: a prompt with the completion whose log-probability, or what else is
 * measured of it, is asked about. Borrowed. */
typedef struct attrib_query {
    const char *id;     /**< its id field, or its row number from 1; never NULL */
    const char *prompt; /**< NULL for rows that came as ids */
    const char
        *completion; /**< NULL where the model shall write it, or the row came as ids */
    const attrib_tag *tags;
    size_t n_tags;
    const int32_t *ids;  /**< [n_tokens] prompt and completion */
    const uint8_t *mask; /**< [n_tokens] 1 on the completion; all 0 where the completion
                            is missing */
    size_t n_tokens;
    bool is_generated; /**< the completion was written by the model */
    bool is_cut;       /**< and might have gone on: it was cut at a number of tokens */
    bool is_turn; /**< the prompt was asked as a turn of the model's chat template, by the
                     rule of attrib_queries_open() */
    attrib_measure measure;
    const char *against;  /**< the other completion of a margin; NULL where there is none,
                             or it came as ids */
    size_t against_token; /**< where the prompt and the other completion begin, in ids and
                             mask; 0: there is none */
    bool has_rejected;    /**< its row has a `rejected` text too, which is not read */
    const attrib_direction *direction; /**< of #ATTRIB_MEASURE_DIRECTION; else NULL, and
                                          in a sum of several rows */
} attrib_query;

/** The tokens of a query's prompt and completion: ids and mask up to there. The tokens of
 * the other side of a margin follow.
 */
static inline size_t attrib_query_side(const attrib_query *query)
{
    return query->against_token ? query->against_token : query->n_tokens;
}

/** A list of queries. */
typedef struct attrib_queries attrib_queries;

/**
 * Read queries: rows of JSONL or a table {id, prompt, completion, tags}, {id, messages,
 * tags} or {id, ids, mask}, plain or compressed. Prompts and completions have the names
 * that they have in a corpus. Without a completion the model shall write it; where the
 * row has another field that may be one, of text or messages, it is refused
 * (ATTRIB_ESHAPE), unless it says "completion": null.
 *
 * ids = encode(prompt + completion), special tokens before them and none after; the
 * completion begins where they leave encode(prompt), and may not be empty. A row of ids
 * needs its mask. Messages are written by the chat template in force, up to what the
 * assistant says last, which is the completion, or to the template's prompt for it to
 * speak; so are prompt and completion where options->chat_template is there. Tags are as
 * in a corpus.
 *
 * A row says what it measures where that is not log p(completion | prompt): `against` is
 * another completion of the same prompt, or {ids, mask} where the row has ids; the query
 * is then the margin between the two. `measure` is "log-probability" or "probability".
 * `direction` is the path of a NumPy file, from the folder of the queries, of one vector
 * of floats; `layer` and `positions` ("last", which is the default, "completion", a list
 * of places from 0, negative ones from the end, or these between commas) say what hidden
 * state it is taken of. The model writes no completion then, unless that is measured.
 * These fields are no tags, and a row in which they contradict each other is ESHAPE.
 *
 * Without options->chat_template, a prompt that has no completion is asked as a turn of
 * the model's own template where the model answers in turns: the template ends what the
 * assistant says in a token at which the model's own files (eos_token of the tokenizer,
 * eos_token_id of generation_config.json and config.json, or the ends of a GGUF file) let
 * it stop. A base model that ships a template ends elsewhere, and its prompts stand as
 * they are, as do all prompts with a completion. A template that cannot be run fails
 * (ATTRIB_ENOTSUP, ATTRIB_EFORMAT).
 *
 * @param session    may be NULL; canceling it ends the wait for a pipe without data
 * @param path       a file, or "-"
 * @param tokenizer  may be NULL where all rows are ids
 * @param options    those of rows, context, n_vocabulary and chat_template are used; a
 * query longer than the context is ATTRIB_ERANGE
 * @param out        owned by the caller; written only on success
 * @param err        may be NULL; names file and line
 * @return as attrib_corpus_open().
 * @par Threads  Safe, but "-" is for one call at a time.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_queries_open(attrib_session *session,
                    const char *path,
                    const attrib_tokenizer *tokenizer,
                    const attrib_corpus_options *options,
                    attrib_queries **out,
                    attrib_error *err);

/** A query that a program has in memory: a prompt, or tokens with their mask. All is
 * borrowed until the call that takes it returns. Zeroed fields are absent. */
typedef struct attrib_query_row {
    const char *id;         /**< UTF-8; NULL or "": its place from 1 */
    const char *prompt;     /**< UTF-8; NULL: `ids` hold the query */
    const char *completion; /**< UTF-8, not empty; NULL: the model shall write it */
    const int32_t *ids;  /**< [n_tokens] prompt and completion; NULL: `prompt` holds it */
    const uint8_t *mask; /**< [n_tokens] 1 on the completion, mask[0] = 0; goes with
                            ids */
    size_t n_tokens;
    const attrib_tag *tags; /**< [n_tags] their keys differ */
    size_t n_tags;
    const char *against;   /**< UTF-8, not empty: another completion of `prompt`, for a
                              margin; NULL: none */
    const char *measure;   /**< "log-probability" (also NULL) or "probability" */
    const char *direction; /**< path of a .npy file; NULL: none. Goes with `layer` */
    size_t layer;
    const char *positions; /**< "last" (also NULL), "completion", or places: "0,-1" */
} attrib_query_row;

/** Rows, as #ATTRIB_LIST makes them. */
typedef struct attrib_query_rows {
    const attrib_query_row *rows; /**< [n], row_bytes apart */
    size_t n, row_bytes;
} attrib_query_rows;

/**
 * Make queries of rows in memory: attrib_queries_open() of rows {id, prompt, completion,
 * against, measure, tags} and {id, ids, mask, measure, tags}, without a file.
 *
 * @param rows       at least 1; borrowed until the call returns
 * @param tokenizer  may be NULL where all rows are ids; borrowed until the call returns
 * @param options    context, n_vocabulary and chat_template are used; may be NULL: the
 * defaults
 * @param out        owned by the caller; written only on success
 * @param err        may be NULL; names the row, "queries:3"
 * @return ATTRIB_OK; ATTRIB_ESHAPE for a row with both a prompt and ids, or neither, and
 * for ids without a mask; ATTRIB_EFORMAT, ATTRIB_ERANGE, ATTRIB_EINVAL and ATTRIB_ENOMEM
 * as attrib_corpus_from_rows(), and ATTRIB_ERANGE for a query longer than the context.
 * @par Threads      Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_queries_from_rows(const attrib_query_rows *rows,
                         const attrib_tokenizer *tokenizer,
                         const attrib_corpus_options *options,
                         attrib_queries **out,
                         attrib_error *err);

/** One query from a prompt and a completion (NULL: the model shall write it). As above.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_queries_from_prompt(const char *prompt,
                           const char *completion,
                           const attrib_tokenizer *tokenizer,
                           const attrib_corpus_options *options,
                           attrib_queries **out,
                           attrib_error *err);

/** Tokens that a query may have after its prompt: what the context leaves.
 * @par Threads  Safe while no thread sets a completion of these queries.
 */
ATTRIB_API size_t attrib_queries_room(const attrib_queries *queries, size_t i);

/** What a model wrote; attrib_completion_default() fills it. Everything is borrowed. */
typedef struct attrib_completion {
    size_t size;        /**< sizeof the struct; set by attrib_completion_default() */
    const int32_t *ids; /**< [n_ids] */
    size_t n_ids;       /**< at least 1 */
    const char *text;   /**< UTF-8 */
    bool is_cut;        /**< it might have written more */
} attrib_completion;

/** Fill `completion` with zeros. The ids and the text must be set.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_completion_init(attrib_completion *completion, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_completion_default(attrib_completion *completion)
{
    attrib_completion_init(completion, sizeof *completion);
}

/** Give query i the completion that a model wrote: ids = prompt ids + its ids; mask 1 on
 * these.
 * @par Threads  Not safe on one list of queries: it changes what others borrow.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_queries_set_completion(attrib_queries *queries,
                              size_t i,
                              const attrib_completion *completion,
                              attrib_error *err);

/** Free queries; NULL is fine.
 * @par Threads  No call that uses the queries, or what was borrowed from them, may be
 * running.
 */
ATTRIB_API void attrib_queries_close(attrib_queries *queries);

/** How many queries there are.
 * @par Threads  Safe.
 */
ATTRIB_API size_t attrib_queries_count(const attrib_queries *queries);

/** Query i < count, borrowed, valid until changed or closed.
 * @par Threads  Safe while no thread sets a completion of these queries.
 */
ATTRIB_API const attrib_query *attrib_queries_get(const attrib_queries *queries,
                                                  size_t i);

#ifdef __cplusplus
}
#endif
#endif
