/* SPDX-License-Identifier: MIT */
/* Checked sizes, aligned arrays, growing buffers and arenas. */
#include "base/memory.h"

#include <assert.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64 /* a cache line, and the widest vector */

attrib_status at_mul(size_t a, size_t b, size_t *out, attrib_error *err)
{
    if (b != 0 && a > SIZE_MAX / b) {
        return at_fail(err, ATTRIB_ERANGE, "%zu x %zu overflows a size", a, b);
    }
    *out = a * b;
    return ATTRIB_OK;
}

attrib_status at_add(size_t a, size_t b, size_t *out, attrib_error *err)
{
    if (a > SIZE_MAX - b) {
        return at_fail(err, ATTRIB_ERANGE, "%zu + %zu overflows a size", a, b);
    }
    *out = a + b;
    return ATTRIB_OK;
}

/* The bytes of an allocation: at least one line, rounded up to whole lines. */
static attrib_status round_up(size_t bytes, size_t *out, attrib_error *err)
{
    size_t padded = 0;
    attrib_status status = at_add(bytes, ALIGNMENT - 1, &padded, err);
    if (status == ATTRIB_OK) {
        padded -= padded % ALIGNMENT;
        *out = padded ? padded : ALIGNMENT;
    }
    return status;
}

size_t at_block_start(size_t dim, size_t n_pieces, size_t i_piece)
{
    /* floor(i dim / n), without the product that may overflow */
    return dim / n_pieces * i_piece + dim % n_pieces * i_piece / n_pieces;
}

attrib_status at_array(size_t n,
                       size_t element_bytes,
                       void *out_pointer,
                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t bytes = 0;
    void *memory = NULL;
    AT_TRY(at_mul(n, element_bytes, &bytes, err));
    AT_TRY(round_up(bytes, &bytes, err));
    memory = aligned_alloc(ALIGNMENT, bytes);
    AT_CHECK(memory, ATTRIB_ENOMEM, "out of memory for %zu bytes", bytes);
    memset(memory, 0, bytes);
    memcpy(out_pointer, &memory, sizeof memory); /* out_pointer is a T ** of any T */
done:
    return status;
}

attrib_status at_grow(void *pointer,
                      size_t *capacity,
                      size_t needed,
                      size_t element_bytes,
                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (needed <= *capacity) {
        return ATTRIB_OK;
    }
    size_t wanted = *capacity < 16 ? 16 : *capacity;
    while (wanted < needed) {
        wanted = wanted > SIZE_MAX / 2 ? needed : wanted * 2;
    }
    size_t bytes = 0;
    void *old = NULL;
    void *grown = NULL;
    AT_TRY(at_mul(wanted, element_bytes, &bytes, err));
    memcpy(&old, pointer, sizeof old);
    grown = realloc(old, bytes);
    AT_CHECK(grown, ATTRIB_ENOMEM, "out of memory for %zu bytes", bytes);
    memcpy(pointer, &grown, sizeof grown);
    *capacity = wanted;
done:
    return status;
}

void at_memory_trim(void)
{
    malloc_trim(0);
}

attrib_status at_copy_text(const char *text, size_t n, char **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t bytes = 0;
    char *copy = NULL;
    AT_TRY(at_add(n, 1, &bytes, err));
    copy = malloc(bytes);
    AT_CHECK(copy, ATTRIB_ENOMEM, "out of memory for %zu bytes", bytes);
    if (n) {
        memcpy(copy, text, n);
    }
    copy[n] = '\0';
    *out = copy;
done:
    return status;
}

attrib_status at_buffer_append(at_buffer *buffer,
                               const void *bytes,
                               size_t n,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t needed = 0;
    AT_TRY(at_add(buffer->n_bytes, n, &needed, err));
    AT_TRY(at_add(needed, 1, &needed, err));
    AT_TRY(at_grow(&buffer->bytes, &buffer->capacity, needed, 1, err));
    if (n) {
        memcpy(buffer->bytes + buffer->n_bytes, bytes, n);
    }
    buffer->n_bytes += n;
    buffer->bytes[buffer->n_bytes] = '\0';
done:
    return status;
}

attrib_status at_buffer_print(at_buffer *buffer,
                              attrib_error *err,
                              const char *format,
                              ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    attrib_status status = ATTRIB_OK;
    size_t needed = 0;
    AT_CHECK(length >= 0, ATTRIB_EINVAL, "text cannot be formatted");
    AT_TRY(at_add(buffer->n_bytes, (size_t)length, &needed, err));
    AT_TRY(at_add(needed, 1, &needed, err));
    AT_TRY(at_grow(&buffer->bytes, &buffer->capacity, needed, 1, err));
    vsnprintf(buffer->bytes + buffer->n_bytes, (size_t)length + 1, format, again);
    buffer->n_bytes += (size_t)length;
done:
    va_end(again);
    return status;
}

void at_buffer_clear(at_buffer *buffer)
{
    buffer->n_bytes = 0;
    if (buffer->bytes) {
        buffer->bytes[0] = '\0';
    }
}

void at_buffer_free(at_buffer *buffer)
{
    free(buffer->bytes);
    memset(buffer, 0, sizeof *buffer);
}

/* An arena is a list of chunks, each at least twice as large as the one before it. They
 * are addressed by one running offset: a chunk covers [start, start + size), and no piece
 * crosses its end. When all pieces are given back, several chunks are replaced by a
 * single one that holds as much, so that no more stays in memory than was used at one
 * time. */
typedef struct chunk {
    char *memory;
    size_t start, size;
} chunk;

struct at_arena {
    chunk *chunks;
    size_t n_chunks, capacity;
    size_t used; /* running offset of the first free byte */
    size_t most; /* the largest value that `used` has had */
};

#define FIRST_CHUNK ((size_t)1 << 20)

attrib_status at_arena_new(at_arena **out, attrib_error *err)
{
    return at_array(1, sizeof(at_arena), out, err);
}

static void free_chunks(at_arena *arena)
{
    for (size_t i = 0; i < arena->n_chunks; i++) {
        free(arena->chunks[i].memory);
    }
    arena->n_chunks = 0;
}

void at_arena_free(at_arena *arena)
{
    if (!arena) {
        return;
    }
    free_chunks(arena);
    free(arena->chunks);
    free(arena);
}

static attrib_status add_chunk(at_arena *arena, size_t bytes, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t start = 0;
    size_t size = arena->most > FIRST_CHUNK ? arena->most : FIRST_CHUNK;
    char *memory = NULL;
    if (arena->used == 0) { /* every chunk is too small */
        free_chunks(arena);
    }
    if (arena->n_chunks) {
        const chunk *last = &arena->chunks[arena->n_chunks - 1];
        AT_TRY(at_add(last->start, last->size, &start, err));
        size = last->size > SIZE_MAX / 2 ? bytes : 2 * last->size;
    }
    if (bytes > size) {
        size = bytes;
    }
    AT_TRY(at_grow(&arena->chunks, &arena->capacity, arena->n_chunks + 1, sizeof(chunk),
                   err));
    memory = aligned_alloc(ALIGNMENT, size);
    AT_CHECK(memory, ATTRIB_ENOMEM, "out of memory for %zu bytes of scratch", size);
    arena->chunks[arena->n_chunks++] = (chunk){memory, start, size};
done:
    return status;
}

/* Where the next piece of a chunk would begin: after the bytes that are used. */
static size_t first_free(const at_arena *arena, const chunk *c)
{
    return arena->used > c->start ? arena->used - c->start : 0;
}

attrib_status at_arena_take(
    at_arena *arena, size_t n, size_t element_bytes, void *out_pointer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t bytes = 0;
    size_t i = 0;
    size_t from = 0;
    void *piece = NULL;
    AT_TRY(at_mul(n, element_bytes, &bytes, err));
    AT_TRY(round_up(bytes, &bytes, err));
    for (; i < arena->n_chunks; i++) {
        from = first_free(arena, &arena->chunks[i]);
        if (from <= arena->chunks[i].size && bytes <= arena->chunks[i].size - from) {
            break;
        }
    }
    if (i == arena->n_chunks) {
        AT_TRY(add_chunk(arena, bytes, err));
        i = arena->n_chunks - 1;
        from = first_free(arena, &arena->chunks[i]);
    }
    piece = arena->chunks[i].memory + from;
    arena->used = arena->chunks[i].start + from + bytes;
    arena->most = arena->used > arena->most ? arena->used : arena->most;
    memcpy(out_pointer, &piece, sizeof piece);
done:
    return status;
}

attrib_status at_arena_text(
    at_arena *arena, const char *text, size_t n, const char **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *copy = NULL;
    if (!text) {
        *out = NULL;
        return ATTRIB_OK;
    }
    AT_TRY(at_arena_take(arena, n + 1, 1, &copy, err));
    memcpy(copy, text, n);
    copy[n] = '\0';
    *out = copy;
done:
    return status;
}

void attrib_free(void *memory)
{
    free(memory);
}

size_t at_arena_mark(const at_arena *arena)
{
    return arena->used;
}

void at_arena_reset(at_arena *arena, size_t mark)
{
    assert(mark <= arena->used);
    if (mark == 0 && arena->n_chunks > 1) { /* replace them by one that holds as much */
        free_chunks(arena);
    }
    arena->used = mark;
}
