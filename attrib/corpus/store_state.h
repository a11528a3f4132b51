/* SPDX-License-Identifier: MIT */
/* What the token store is made of, for the files that fill and read it. */
#ifndef AT_CORPUS_STORE_STATE_H
#define AT_CORPUS_STORE_STATE_H

#include "base/file.h"
#include "corpus/marks.h"
#include "corpus/spill.h"
#include "corpus/store.h"

/* A place in the strings: offset + 1, or 0 for none. */
typedef uint64_t at_place;

typedef struct at_stored {
    at_place id, source, member, text;
    uint64_t n_text_bytes, line, span_start, span_end;
    uint64_t first_tag, n_tags;
    uint64_t first_id, n_tokens, n_predicted;
    uint64_t first_mask;
    uint64_t first_label; /* + 1, or 0 for none */
    uint64_t first_sequence, n_sequences;
    uint64_t rejected_token, rejected_byte; /* 0, 0 where there is one side */
    unsigned char hash[AT_DIGEST_BYTES];
    unsigned char token_hash[AT_DIGEST_BYTES]; /* of ids, mask and sides */
} at_stored;

/* A name that was written last, so that a file's rows share it. */
typedef struct at_last_name {
    at_buffer text;
    at_place where;
} at_last_name;

enum {
    AT_STORE_RECORDS,   /* at_stored [n_documents] */
    AT_STORE_SEQUENCES, /* uint64_t [n_sequences] the document */
    AT_STORE_TAGS,      /* attrib_tag */
    AT_STORE_STRINGS,   /* NUL-terminated */
    AT_STORE_IDS,       /* int32_t */
    AT_STORE_MASKS,     /* uint8_t */
    AT_STORE_LABELS,    /* int32_t */
    AT_STORE_SKIPPED,   /* lines of JSON */
    AT_STORE_N_SPILLS
};

struct attrib_corpus {
    at_spill spills[AT_STORE_N_SPILLS];
    size_t context;
    at_fields fields;
    attrib_corpus_summary counts;
    at_last_name source, member;
    size_t n_tags;
    at_hash *running;
    at_hash *of_tokens; /* of the document that is appended */
    char *selection;    /* in words; NULL: "" */
    at_marks marks;     /* of the files that it was read from */
    at_map file;        /* the store's, where the arrays lie in one */
    char hash[AT_HASH_SIZE];
    char date[11];
    struct at_skipped *skipped; /* why rows were left out; NULL where none may be */
};

/* Sequences of tokens that see each other: sequence k covers [k (C - 1), k (C - 1) + C)
 * of n, as many as there are tokens after the first to predict, C - 1 each. */
static inline size_t at_store_count_sequences(size_t n, size_t C)
{
    return n < 2 ? 0 : (n - 2) / (C - 1) + 1;
}

#endif
