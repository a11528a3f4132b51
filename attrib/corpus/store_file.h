/* SPDX-License-Identifier: MIT */
/* A token store in a file, which any number of processes map:
 *
 *     "ATTRIBS1", the place and length of the record, as 64-bit numbers
 *     the arrays of a store (store_state.h), each at a multiple of 4,096 bytes, little
 *         endian; tags are pairs of places in the strings
 *     a record (format/record.h): what was read and how, and where the arrays are, each
 *         with its hash
 *
 * The hashes are checked when a file is opened, and every place in the arrays, so that a
 * damaged or hostile file is refused before anything is read through it. */
#ifndef AT_CORPUS_STORE_FILE_H
#define AT_CORPUS_STORE_FILE_H

#include "base/session.h"
#include "corpus/sources.h"
#include "corpus/store_state.h"
#include "format/record.h"

#define AT_STORE_MAGIC        "ATTRIBS1"
#define AT_STORE_MAGIC_BYTES  8
#define AT_STORE_HEADER_BYTES 24
#define AT_STORE_VERSION      1
#define AT_STORE_PAGE         ((size_t)4096)

/* What a store was made of, apart from its documents. */
typedef struct at_token_store_origin {
    const attrib_paths *paths;
    const attrib_corpus_options *options;
    char tokenizer[AT_HASH_SIZE]; /* at_token_store_hash_tokenizer() */
    const at_sources *sources;
} at_token_store_origin;

/* Whether a path is a store: a file that begins as one. */
bool at_token_store_is(const char *path);

/* Write a finished corpus as a file, which is committed. */
attrib_status at_token_store_write(const attrib_corpus *corpus,
                                   const at_token_store_origin *origin,
                                   at_output *output,
                                   attrib_error *err);

/* The record of a store, whose arrays are not looked at. */
attrib_status at_token_store_read_record(const char *path,
                                         at_record *out,
                                         attrib_error *err);

/* Map a store. Ids are below n_vocabulary, where that is not 0. `scratch_folder` is where
 * its tags are laid. Both results are the caller's. */
attrib_status at_token_store_map(attrib_session *session,
                                 const char *path,
                                 size_t n_vocabulary,
                                 const char *scratch_folder,
                                 attrib_corpus **out,
                                 at_record *record,
                                 attrib_error *err);

/* Open a store as a corpus, narrowed as options say (store_open.c). */
attrib_status at_token_store_open(attrib_session *session,
                                  const char *path,
                                  const attrib_tokenizer *tokenizer,
                                  const attrib_corpus_options *options,
                                  attrib_corpus **out,
                                  attrib_error *err);

/* The hash of the tokenizer that a store is bound to; "" for none. */
void at_token_store_hash_tokenizer(const attrib_tokenizer *tokenizer,
                                   char out[AT_HASH_SIZE]);

/* The sources of a store's record. */
attrib_status at_token_store_sources(const at_record *record,
                                     at_sources *out,
                                     attrib_error *err);

/* Check every place in a mapped store's arrays (store_check.c). */
attrib_status at_token_store_check(const attrib_corpus *corpus,
                                   const char *name,
                                   size_t n_vocabulary,
                                   attrib_error *err);

/* The numbers of a summary, in an order that a version of the file keeps. */
extern const size_t at_token_store_counts[];
extern const size_t at_token_store_n_counts;

#endif
