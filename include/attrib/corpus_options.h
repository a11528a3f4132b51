/* SPDX-License-Identifier: MIT */
/* How the documents and queries of files are read. */
#ifndef ATTRIB_CORPUS_OPTIONS_H
#define ATTRIB_CORPUS_OPTIONS_H

#include <attrib/base.h>

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

/** Fill `options`: id "id", context 1,024, no limits, EOS appended.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_corpus_options_init(attrib_corpus_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_corpus_options_default(attrib_corpus_options *options)
{
    attrib_corpus_options_init(options, sizeof *options);
}

#ifdef __cplusplus
}
#endif
#endif
