/* SPDX-License-Identifier: MIT */
/* Files of token ids as trainers keep them: Megatron's .bin with its .idx, NumPy's .npy,
 * llm.c's .bin with its header, and plain .bin or .npy files of nothing but ids. */
#ifndef AT_CORPUS_TOKEN_FILE_H
#define AT_CORPUS_TOKEN_FILE_H

#include "attrib/corpus.h"
#include "base/file.h"
#include "corpus/sink.h"

/* Most ids of a document: as many bytes as the longest row of JSON has. */
#define AT_MAX_TOKENS (AT_MAX_ROW / sizeof(int32_t))

/* What options say of such files. */
typedef struct at_token_rules {
    attrib_token_dtype dtype; /* of files that do not say it themselves */
    int32_t end;              /* the id that ends a document; -1: there is none */
    bool is_end_given;        /* by an option, not by the tokenizer */
    size_t n_vocabulary;      /* 0 = unchecked */
    size_t n_row;             /* cut rows of so many ids, whatever borders there are; 0 */
    size_t n_usual_row;       /* ids of a row where nothing else says it */
} at_token_rules;

/* EINVAL for an end of documents that is neither an id nor "none". */
attrib_status at_token_rules_of(const attrib_corpus_options *options,
                                const attrib_tokenizer *tokenizer,
                                size_t n_row,
                                at_token_rules *out,
                                attrib_error *err);

typedef enum at_token_layout {
    AT_TOKENS_PLAIN, /* nothing but ids */
    AT_TOKENS_NPY,
    AT_TOKENS_LLMC,
    AT_TOKENS_MEGATRON,
} at_token_layout;

/* An open file. */
typedef struct at_token_file {
    const char *name;   /* what messages call it; borrowed */
    at_map data, index; /* index: Megatron's, else empty */
    at_token_layout layout;
    size_t width; /* bytes of an id */
    bool is_signed;
    size_t start;  /* of the first id, in bytes */
    size_t n_ids;  /* in the file */
    size_t n_row;  /* ids of a row of a two-dimensional array, else 0 */
    bool has_rows; /* it is such an array */
    /* Megatron's: how many sequences there are, and borders of documents among them; and
     * where the index has the sequences' lengths, their places, and the borders. */
    size_t n_sequences, n_borders, lengths, places, borders;
} at_token_file;

/* Whether a file of one of these names is read as ids: its content says so, or the rules
 * give its type. False too where it cannot be opened. */
bool at_token_file_is(const char *path, const at_token_rules *rules);

/* The path of the ids: of "x.idx" it is "x.bin". */
attrib_status at_token_file_path(const char *path, char **out, attrib_error *err);

/* The path of the index that a .bin of Megatron's has; NULL for other names. */
attrib_status at_token_file_index(const char *path, char **out, attrib_error *err);

/* Open a file of ids, with the .idx in its folder where that is Megatron's. EIO; ENOTSUP
 * where nothing says the type of its ids, and as at_token_file_read(). */
attrib_status at_token_file_open(const char *path,
                                 const char *name,
                                 const at_token_rules *rules,
                                 at_token_file *out,
                                 attrib_error *err);
void at_token_file_close(at_token_file *file);

/* Find the layout of a file whose name, data and index are set. EFORMAT for what is
 * damaged; ENOTSUP for ids of another type, for Megatron's legacy indexes, and for those
 * of more than text. */
attrib_status at_token_file_read(at_token_file *file,
                                 const at_token_rules *rules,
                                 attrib_error *err);

/* How a file is cut into documents. */
typedef enum at_token_cut {
    AT_CUT_UNKNOWN,
    AT_CUT_INDEX,        /* as Megatron's index says */
    AT_CUT_ARRAY,        /* a row of the array is a document */
    AT_CUT_BEHIND,       /* documents end with the end of document */
    AT_CUT_BEFORE,       /* they begin with it */
    AT_CUT_ROWS,         /* rows of as many ids as were asked for */
    AT_CUT_WITHOUT_ENDS, /* rows, as there is no end of document */
} at_token_cut;

/* The cut of a file. Where its first id is the end of document, or it is llm.c's, which
 * may begin in the middle of a document, documents begin with it. */
at_token_cut at_token_file_cut(const at_token_file *file, const at_token_rules *rules);

/* Put the documents in order, as ids; one with an id that is no token goes to
 * at_put_bad(). ERANGE for a document of more than AT_MAX_TOKENS ids, EFORMAT for an
 * index that does not fit the file. *n is how many there are. */
attrib_status at_token_file_documents(const at_token_file *file,
                                      const at_token_rules *rules,
                                      at_sink sink,
                                      size_t *n,
                                      attrib_error *err);

#endif
