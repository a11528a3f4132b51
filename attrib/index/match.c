/* SPDX-License-Identifier: MIT */
/* Which record of an index is of which document of a corpus. */
#include "index/match.h"

#include <stdlib.h>
#include <string.h>

#include "index/digest.h"

typedef struct place {
    unsigned char digest[AT_DIGEST_BYTES];
    size_t document;
    size_t record; /* SIZE_MAX where there is none */
} place;

static int compare_digests(const void *left, const void *right)
{
    const place *a = left;
    const place *b = right;
    int order = memcmp(a->digest, b->digest, AT_DIGEST_BYTES);
    return order ? order : (a->document > b->document) - (a->document < b->document);
}

static int compare_records(const void *left, const void *right)
{
    const place *a = left;
    const place *b = right;
    int order = (a->record > b->record) - (a->record < b->record);
    return order ? order : (a->document > b->document) - (a->document < b->document);
}

/* The first of n places, sorted by digests, with this digest or a larger one. */
static size_t find_digest(const place *places, size_t n, const unsigned char *digest)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(places[middle].digest, digest, AT_DIGEST_BYTES) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Give the documents of a piece their records. */
static attrib_status match_piece(const attrib_index *index,
                                 size_t i_piece,
                                 size_t first,
                                 place *places,
                                 size_t n,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_piece_map piece = {0};
    AT_TRY(at_piece_open(index, i_piece, false, &piece, err));
    for (size_t d = 0; d < piece.content.n; d++) {
        const unsigned char *digest = piece.content.digests + d * AT_DIGEST_BYTES;
        for (size_t i = find_digest(places, n, digest);
             i < n && memcmp(places[i].digest, digest, AT_DIGEST_BYTES) == 0; i++) {
            places[i].record = at_smaller(places[i].record, first + d);
        }
    }
done:
    at_piece_close(&piece);
    return status;
}

/* Lay out the documents in the order of their records. */
static attrib_status lay(at_index_match *self, const place *places, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_parts = self->index->n_parts;
    size_t n = self->n;
    size_t end = 0;
    size_t i = 0;
    AT_TRY(at_array(n, sizeof(size_t), &self->records, err));
    AT_TRY(at_array(n, sizeof(size_t), &self->documents, err));
    AT_TRY(at_array(n_parts + 1, sizeof(size_t), &self->first, err));
    for (size_t p = 0; p < n_parts; p++) {
        self->first[p] = i;
        end += self->index->parts[p].n;
        for (; i < n && places[i].record < end; i++) {
            self->records[i] = places[i].record - (end - self->index->parts[p].n);
            self->documents[i] = places[i].document;
        }
    }
    self->first[n_parts] = i;
    AT_CHECK(
        i == n, ATTRIB_EINVAL,
        "%s: %zu of %zu documents are not in the index: read them with the options of "
        "%.100s, or merge an index of what is new",
        self->index->folder, n - i, n,
        *self->index->info.command ? self->index->info.command : "attrib index");
done:
    return status;
}

attrib_status at_index_match_new(const attrib_index *index,
                                 const attrib_corpus *corpus,
                                 at_index_match *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = attrib_corpus_summarize(corpus)->n_documents;
    size_t first = 0;
    place *places = NULL;
    at_index_match made = {.index = index, .n = n};
    AT_TRY(at_array(n, sizeof *places, &places, err));
    for (size_t i = 0; i < n; i++) {
        places[i].document = i;
        places[i].record = SIZE_MAX;
        AT_TRY(at_document_digests(corpus, i, 1, places[i].digest, err));
    }
    qsort(places, n, sizeof *places, compare_digests);
    for (size_t p = 0; p < index->n_parts; p++) {
        AT_TRY(match_piece(index, p, first, places, n, err));
        first += index->parts[p].n;
    }
    qsort(places, n, sizeof *places, compare_records);
    AT_TRY(lay(&made, places, err));
    *out = made;
    made = (at_index_match){0};
done:
    at_index_match_free(&made);
    free(places);
    return status;
}

attrib_status at_index_match_narrow(const at_index_match *match,
                                    const uint8_t *takes,
                                    at_index_match *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_parts = match->index->n_parts;
    at_index_match made = {.index = match->index};
    AT_TRY(at_array(match->n, sizeof(size_t), &made.records, err));
    AT_TRY(at_array(match->n, sizeof(size_t), &made.documents, err));
    AT_TRY(at_array(n_parts + 1, sizeof(size_t), &made.first, err));
    for (size_t p = 0; p < n_parts; p++) {
        made.first[p] = made.n;
        for (size_t i = match->first[p]; i < match->first[p + 1]; i++) {
            if (takes[match->documents[i]]) {
                made.records[made.n] = match->records[i];
                made.documents[made.n++] = match->documents[i];
            }
        }
    }
    made.first[n_parts] = made.n;
    *out = made;
    made = (at_index_match){0};
done:
    at_index_match_free(&made);
    return status;
}

void at_index_match_free(at_index_match *match)
{
    free(match->records);
    free(match->documents);
    free(match->first);
    *match = (at_index_match){0};
}
