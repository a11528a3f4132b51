/* SPDX-License-Identifier: MIT */
/* Documents with their origin: from files, folders, archives and streams to tokens. */
#ifndef ATTRIB_CORPUS_H
#define ATTRIB_CORPUS_H

#include <attrib/queries.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where documents are read from: files, folders or "-". */
typedef struct attrib_paths {
    const char *const *paths; /**< [n] */
    size_t n;                 /**< >= 1 */
} attrib_paths;

/** A corpus: its tokenized documents, in the order read; read-only once open. */
typedef struct attrib_corpus attrib_corpus;

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

/** Sequence i < n_sequences.
 * @par Threads  Safe.
 */
ATTRIB_API void attrib_corpus_sequence(const attrib_corpus *corpus,
                                       size_t i,
                                       attrib_sequence *out);

#ifdef __cplusplus
}
#endif
#endif
