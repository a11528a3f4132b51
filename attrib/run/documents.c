/* SPDX-License-Identifier: MIT */
/* What a run keeps of every document, a record a slice:
 *
 *     names      [text]  sources, members and keys of tags, each once where documents
 *                        that follow one another share it
 *     documents  [[id, source, member, line, span_start, span_end, n_tokens, n_predicted,
 *                  rejected_token, rejected_byte, n_text_bytes, hash, tags]]
 *
 * where source, member (or nil) and keys are indices of names, the hash is 16 bytes, and
 * tags are [key, value, key, value, ...].
 *
 * 1. Writing.
 * 2. Reading. */
#include <stdlib.h>
#include <string.h>

#include "format/pack.h"
#include "run/run.h"

/* The places of a document's members. */
enum {
    ID,
    SOURCE,
    MEMBER,
    LINE,
    SPAN_START,
    SPAN_END,
    N_TOKENS,
    N_PREDICTED,
    REJECTED_TOKEN,
    REJECTED_BYTE,
    N_TEXT_BYTES,
    HASH,
    TAGS,
    N_MEMBERS
};

/* 1. Writing */

/* How many names are looked through for one that is there already. */
#define LOOK_BACK 64

typedef struct names {
    const char **list; /* [n] borrowed from the corpus */
    size_t n, capacity;
} names;

static attrib_status add_name(names *all,
                              const char *name,
                              size_t *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t oldest = all->n > LOOK_BACK ? all->n - LOOK_BACK : 0;
    for (size_t i = all->n; i-- > oldest;) {
        if (all->list[i] == name || strcmp(all->list[i], name) == 0) {
            *out = i;
            return ATTRIB_OK;
        }
    }
    AT_TRY(at_grow(&all->list, &all->capacity, all->n + 1, sizeof *all->list, err));
    *out = all->n;
    all->list[all->n++] = name;
done:
    return status;
}

static attrib_status pack_name(msgpack_packer *packer,
                               names *all,
                               const char *name,
                               attrib_error *err)
{
    size_t i = 0;
    attrib_status status = ATTRIB_OK;
    if (!name) {
        return at_pack_nil(packer, err);
    }
    AT_TRY(add_name(all, name, &i, err));
    AT_TRY(at_pack_size(packer, i, err));
done:
    return status;
}

static attrib_status pack_text(msgpack_packer *packer,
                               const char *text,
                               attrib_error *err)
{
    return at_pack_text(packer, text, strlen(text), err);
}

static attrib_status pack_tags(msgpack_packer *packer,
                               names *all,
                               const attrib_document *document,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pack_array(packer, 2 * document->n_tags, err));
    for (size_t i = 0; i < document->n_tags; i++) {
        AT_TRY(pack_name(packer, all, document->tags[i].key, err));
        AT_TRY(pack_text(packer, document->tags[i].value, err));
    }
done:
    return status;
}

static attrib_status pack_document(msgpack_packer *packer,
                                   names *all,
                                   const attrib_document *document,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t sizes[] = {document->line,          document->span_start,
                            document->span_end,      document->n_tokens,
                            document->n_predicted,   document->rejected_token,
                            document->rejected_byte, document->n_text_bytes};
    unsigned char hash[AT_DIGEST_BYTES];
    AT_TRY(at_pack_array(packer, N_MEMBERS, err));
    AT_TRY(pack_text(packer, document->id, err));
    AT_TRY(pack_name(packer, all, document->source, err));
    AT_TRY(pack_name(packer, all, document->member, err));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        AT_TRY(at_pack_size(packer, sizes[i], err));
    }
    at_digest_read(document->hash, hash);
    AT_TRY(at_pack_bytes(packer, hash, sizeof hash, err));
    AT_TRY(pack_tags(packer, all, document, err));
done:
    return status;
}

/* Pack the record around documents that are packed already, since names are known only
 * then. */
static attrib_status pack_record(const names *all,
                                 const msgpack_sbuffer *documents,
                                 size_t n,
                                 msgpack_sbuffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    AT_TRY(at_pack_map(&packer, 2, err));
    AT_TRY(at_pack_array_member(&packer, "names", all->n, err));
    for (size_t i = 0; i < all->n; i++) {
        AT_TRY(pack_text(&packer, all->list[i], err));
    }
    AT_TRY(at_pack_array_member(&packer, "documents", n, err));
    AT_CHECK(msgpack_sbuffer_write(out, documents->data, documents->size) == 0,
             ATTRIB_ENOMEM, "out of memory for the record of %zu documents", n);
done:
    return status;
}

attrib_status at_documents_write(const attrib_corpus *corpus,
                                 size_t first,
                                 size_t n,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    names all = {0};
    msgpack_sbuffer documents;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    msgpack_sbuffer_init(&documents);
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &documents, msgpack_sbuffer_write);
    for (size_t i = first; i < first + n; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        AT_TRY(pack_document(&packer, &all, &document, err));
    }
    AT_TRY(pack_record(&all, &documents, n, &bytes, err));
    AT_TRY(at_record_seal(&bytes, out, err));
done:
    free(all.list);
    msgpack_sbuffer_destroy(&documents);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

/* 2. Reading: every member is checked, as the file may come from anywhere. */

/* A record on its way to documents. */
typedef struct reading {
    const char *name;   /* of the file, for messages */
    at_arena *bank;     /* for all that is read */
    const char **names; /* [n_names] */
    size_t n_names;
} reading;

/* A member that is a list. */
static attrib_status find_list(const at_record *record,
                               const char *key,
                               const msgpack_object_array **out,
                               attrib_error *err)
{
    const msgpack_object *list = at_record_find(&record->map, key);
    if (!list || list->type != MSGPACK_OBJECT_ARRAY) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: key \"%s\", expected an array",
                       record->name, key);
    }
    *out = &list->via.array;
    return ATTRIB_OK;
}

static attrib_status read_text(const reading *self,
                               const msgpack_object *value,
                               const char **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_text = value->type == MSGPACK_OBJECT_STR;
    size_t n = is_text ? value->via.str.size : 0;
    const char *text = n ? value->via.str.ptr : "";
    AT_CHECK(is_text && !memchr(text, '\0', n), ATTRIB_EFORMAT,
             "%s: documents: expected a text without NUL", self->name);
    AT_TRY(at_arena_text(self->bank, text, n, out, err));
done:
    return status;
}

static attrib_status read_size(const reading *self,
                               const msgpack_object *value,
                               size_t *out,
                               attrib_error *err)
{
    if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: documents: expected a size", self->name);
    }
    *out = (size_t)value->via.u64;
    return ATTRIB_OK;
}

static attrib_status read_name(const reading *self,
                               const msgpack_object *value,
                               const char **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t i = 0;
    AT_TRY(read_size(self, value, &i, err));
    AT_CHECK(i < self->n_names, ATTRIB_EFORMAT, "%s: documents: name %zu of %zu",
             self->name, i, self->n_names);
    *out = self->names[i];
done:
    return status;
}

static attrib_status read_names(reading *self, const at_record *record, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object_array *list = NULL;
    AT_TRY(find_list(record, "names", &list, err));
    self->n_names = list->size;
    AT_TRY(at_arena_take(self->bank, list->size, sizeof *self->names, &self->names, err));
    for (size_t i = 0; i < list->size; i++) {
        AT_TRY(read_text(self, &list->ptr[i], &self->names[i], err));
    }
done:
    return status;
}

static attrib_status read_tags(const reading *self,
                               const msgpack_object *value,
                               attrib_document *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_tag *tags = NULL;
    AT_CHECK(value->type == MSGPACK_OBJECT_ARRAY && value->via.array.size % 2 == 0,
             ATTRIB_EFORMAT, "%s: documents: expected tags in pairs", self->name);
    out->n_tags = value->via.array.size / 2;
    AT_TRY(at_arena_take(self->bank, out->n_tags, sizeof *tags, &tags, err));
    for (size_t i = 0; i < out->n_tags; i++) {
        const msgpack_object *pair = &value->via.array.ptr[2 * i];
        AT_TRY(read_name(self, &pair[0], &tags[i].key, err));
        AT_TRY(read_text(self, &pair[1], &tags[i].value, err));
    }
    out->tags = tags;
done:
    return status;
}

static attrib_status read_sizes(const reading *self,
                                const msgpack_object *members,
                                attrib_document *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(read_size(self, &members[LINE], &out->line, err));
    AT_TRY(read_size(self, &members[SPAN_START], &out->span_start, err));
    AT_TRY(read_size(self, &members[SPAN_END], &out->span_end, err));
    AT_TRY(read_size(self, &members[N_TOKENS], &out->n_tokens, err));
    AT_TRY(read_size(self, &members[N_PREDICTED], &out->n_predicted, err));
    AT_TRY(read_size(self, &members[REJECTED_TOKEN], &out->rejected_token, err));
    AT_TRY(read_size(self, &members[REJECTED_BYTE], &out->rejected_byte, err));
    AT_TRY(read_size(self, &members[N_TEXT_BYTES], &out->n_text_bytes, err));
    AT_CHECK(
        out->span_start <= out->span_end && out->n_predicted <= out->n_tokens &&
            out->rejected_token <= out->n_tokens &&
            out->rejected_byte <= out->n_text_bytes,
        ATTRIB_EFORMAT,
        "%s: document %zu: bytes %zu to %zu, %zu of %zu tokens predicted, a rejected "
        "side at token %zu and byte %zu of %zu",
        self->name, out->index, out->span_start, out->span_end, out->n_predicted,
        out->n_tokens, out->rejected_token, out->rejected_byte, out->n_text_bytes);
done:
    return status;
}

static attrib_status read_document(const reading *self,
                                   const msgpack_object *value,
                                   attrib_document *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *members = value->via.array.ptr;
    AT_CHECK(value->type == MSGPACK_OBJECT_ARRAY && value->via.array.size == N_MEMBERS,
             ATTRIB_EFORMAT, "%s: document %zu: expected an array of %d", self->name,
             out->index, (int)N_MEMBERS);
    AT_TRY(read_text(self, &members[ID], &out->id, err));
    AT_TRY(read_name(self, &members[SOURCE], &out->source, err));
    if (members[MEMBER].type != MSGPACK_OBJECT_NIL) {
        AT_TRY(read_name(self, &members[MEMBER], &out->member, err));
    }
    AT_TRY(read_sizes(self, members, out, err));
    AT_CHECK(members[HASH].type == MSGPACK_OBJECT_BIN &&
                 members[HASH].via.bin.size == AT_DIGEST_BYTES,
             ATTRIB_EFORMAT, "%s: document %zu: expected a hash of %d bytes", self->name,
             out->index, AT_DIGEST_BYTES);
    at_digest_text((const unsigned char *)members[HASH].via.bin.ptr, out->hash);
    AT_TRY(read_tags(self, &members[TAGS], out, err));
done:
    return status;
}

attrib_status at_documents_read(
    const at_record *record, size_t first, size_t n, at_documents *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_documents documents = {.first = first, .n = n};
    const msgpack_object_array *list = NULL;
    reading self = {.name = record->name};
    AT_TRY(find_list(record, "documents", &list, err));
    AT_CHECK(list->size == n, ATTRIB_EFORMAT, "%s: %zu documents, expected %zu",
             record->name, (size_t)list->size, n);
    AT_TRY(at_arena_new(&documents.bank, err));
    self.bank = documents.bank;
    AT_TRY(at_array(n, sizeof *documents.items, &documents.items, err));
    AT_TRY(read_names(&self, record, err));
    for (size_t i = 0; i < n; i++) {
        documents.items[i].index = first + i;
        AT_TRY(read_document(&self, &list->ptr[i], &documents.items[i], err));
    }
    *out = documents;
    documents = (at_documents){0};
done:
    at_documents_free(&documents);
    return status;
}

void at_documents_free(at_documents *documents)
{
    free(documents->items);
    at_arena_free(documents->bank);
    *documents = (at_documents){0};
}
