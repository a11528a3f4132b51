/* SPDX-License-Identifier: MIT */
/* The nodes and buffers of a batch, in the order in which its fields have them. */
#include "format/arrow_decode.h"

#include "format/arrow_codec.h"

#define MAX_VALUES ((size_t)1 << 28) /* of one field */

attrib_status at_arrow_fail_field(const at_arrow_decoding *d,
                                  const at_arrow_field *field,
                                  const char *what,
                                  attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: column \"%.100s\": %s", d->name, field->name,
                   what);
}

attrib_status at_arrow_take(const at_arrow_decoding *d,
                            size_t n,
                            size_t element_bytes,
                            void *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_bytes = 0;
    AT_TRY(at_mul(n, element_bytes, &n_bytes, err));
    status = at_columns_check_memory(d->limit, n_bytes, err);
    if (status != ATTRIB_OK) {
        return at_context(err, status, "%s", d->name);
    }
    AT_TRY(at_arena_take(d->arena, n, element_bytes, out, err));
done:
    return status;
}

/* The bytes of a compressed buffer: 8 that say how many there are, or -1 where they
 * follow as they are. */
static attrib_status unpack(at_arrow_decoding *d,
                            const at_arrow_field *field,
                            at_arrow_buffer *io,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint8_t *out = NULL;
    if (io->n < 8) {
        return at_arrow_fail_field(d, field, "a compressed buffer without its size", err);
    }
    int64_t n = at_flat_signed(io->bytes, 8);
    io->bytes += 8;
    io->n -= 8;
    if (n == -1) {
        return ATTRIB_OK;
    }
    AT_CHECK(n >= 0 && (uint64_t)n <= AT_ARROW_MAX_BODY - d->n_unpacked, ATTRIB_ERANGE,
             "%s: column \"%.100s\": a batch of more than %zu bytes", d->name,
             field->name, AT_ARROW_MAX_BODY);
    if (!at_arrow_may_hold(d->codec, io->bytes, io->n, (size_t)n)) {
        return at_arrow_fail_field(d, field, "a compressed buffer is damaged", err);
    }
    AT_TRY(at_arrow_take(d, (size_t)n, 1, &out, err));
    d->n_unpacked += (size_t)n;
    if (!at_arrow_unpack(d->codec, io->bytes, io->n, out, (size_t)n)) {
        return at_arrow_fail_field(d, field, "a compressed buffer is damaged", err);
    }
    *io = (at_arrow_buffer){out, (size_t)n};
done:
    return status;
}

/* The next buffer, which must have at least n bytes. */
attrib_status at_arrow_take_buffer(at_arrow_decoding *d,
                                   const at_arrow_field *field,
                                   size_t n,
                                   at_arrow_buffer *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (d->i_buffer >= d->buffers.n) {
        return at_arrow_fail_field(d, field, "its batch has too few buffers", err);
    }
    const uint8_t *item = at_flat_item(&d->buffers, d->i_buffer++);
    uint64_t start = at_flat_word(item, 8);
    uint64_t n_bytes = at_flat_word(item + 8, 8);
    if (n_bytes > d->batch->n_body || start > d->batch->n_body - n_bytes) {
        return at_arrow_fail_field(d, field, "a buffer lies outside of its message", err);
    }
    *out = (at_arrow_buffer){d->batch->body + start, n_bytes};
    if (d->codec != AT_ARROW_PLAIN && n_bytes > 0) {
        AT_TRY(unpack(d, field, out, err));
    }
    if (out->n < n) {
        status = at_arrow_fail_field(d, field, "a buffer is too short", err);
    }
done:
    return status;
}

static bool bit(const uint8_t *bytes, size_t i)
{
    return bytes[i / 8] >> i % 8 & 1;
}

attrib_status at_arrow_spread_bits(at_arrow_decoding *d,
                                   const uint8_t *bytes,
                                   size_t n,
                                   const uint8_t **out,
                                   attrib_error *err)
{
    uint8_t *spread = NULL;
    attrib_status status = at_arrow_take(d, n, 1, &spread, err);
    for (size_t i = 0; status == ATTRIB_OK && i < n; i++) {
        spread[i] = bit(bytes, i);
    }
    *out = spread;
    return status;
}

/* The length of a field, and which of its values are there. */
attrib_status at_arrow_take_node(at_arrow_decoding *d,
                                 const at_arrow_field *field,
                                 at_column *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_arrow_buffer validity = {0};
    if (d->i_node >= d->nodes.n) {
        return at_arrow_fail_field(d, field, "its batch has too few columns", err);
    }
    const uint8_t *node = at_flat_item(&d->nodes, d->i_node++);
    uint64_t n = at_flat_word(node, 8);
    uint64_t n_nulls = at_flat_word(node + 8, 8);
    AT_CHECK(n <= MAX_VALUES, ATTRIB_ERANGE,
             "%s: column \"%.100s\": more than %zu values in a batch", d->name,
             field->name, MAX_VALUES);
    if (n_nulls > n) {
        return at_arrow_fail_field(d, field, "more nulls than values", err);
    }
    out->n = n;
    if (field->layout == AT_ARROW_NULL) {
        return ATTRIB_OK;
    }
    AT_TRY(at_arrow_take_buffer(d, field, n_nulls ? (n + 7) / 8 : 0, &validity, err));
    if (n_nulls) {
        AT_TRY(at_arrow_spread_bits(d, validity.bytes, n, &out->is_valid, err));
    }
done:
    return status;
}

/* How many buffers a field of views has after the views themselves. */
attrib_status at_arrow_take_count(at_arrow_decoding *d,
                                  const at_arrow_field *field,
                                  size_t *n,
                                  attrib_error *err)
{
    if (d->i_count >= d->counts.n) {
        return at_arrow_fail_field(d, field, "its batch has too few counts of buffers",
                                   err);
    }
    *n = at_flat_word(at_flat_item(&d->counts, d->i_count++), 8);
    return *n > d->buffers.n - d->i_buffer
               ? at_arrow_fail_field(d, field, "its batch has too few buffers", err)
               : ATTRIB_OK;
}
