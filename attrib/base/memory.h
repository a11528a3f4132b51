/* SPDX-License-Identifier: MIT */
/* Checked sizes, aligned arrays, and the scratch arena of a worker. */
#ifndef AT_BASE_MEMORY_H
#define AT_BASE_MEMORY_H

#include "base/error.h"

static inline size_t at_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t at_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* *out = a * b, or ATTRIB_ERANGE where that overflows. `out` may point to the variable
 * that was passed as a or b. */
attrib_status at_mul(size_t a, size_t b, size_t *out, attrib_error *err);

/* *out = a + b, or ATTRIB_ERANGE where that overflows. */
attrib_status at_add(size_t a, size_t b, size_t *out, attrib_error *err);

/* Where piece i_piece of n_pieces begins in 0 .. dim, rounded down where dim cannot be
 * divided evenly: sizes of pieces differ by one at most. */
size_t at_block_start(size_t dim, size_t n_pieces, size_t i_piece);

/* An array of n elements, zeroed, aligned to 64 bytes, freed by free(). Never zero bytes.
 */
attrib_status at_array(size_t n,
                       size_t element_bytes,
                       void *out_pointer,
                       attrib_error *err);

/* Grow *pointer (owned, or NULL) to hold at least `needed` elements, doubling *capacity.
 */
attrib_status at_grow(void *pointer,
                      size_t *capacity,
                      size_t needed,
                      size_t element_bytes,
                      attrib_error *err);

/* Give freed memory back to the system. Called after a stage whose arrays lie between
 * others that stay: the allocator would keep the gaps, and the next stage would take new
 * memory. */
void at_memory_trim(void);

/* Copy `n` bytes of text and add a NUL; freed by free(). */
attrib_status at_copy_text(const char *text, size_t n, char **out, attrib_error *err);

/* Bytes that grow: a text or a record being built. Zeroed = empty. */
typedef struct at_buffer {
    char *bytes; /* [n_bytes], followed by a NUL once anything was appended */
    size_t n_bytes, capacity;
} at_buffer;

attrib_status at_buffer_append(at_buffer *buffer,
                               const void *bytes,
                               size_t n,
                               attrib_error *err);
attrib_status at_buffer_print(at_buffer *buffer,
                              attrib_error *err,
                              const char *format,
                              ...) ATTRIB_PRINTF(3, 4);
void at_buffer_clear(at_buffer *buffer); /* empty, keeping the memory */
void at_buffer_free(at_buffer *buffer);  /* empty, giving it back */

/* Scratch of one worker: taken piece by piece, given back all at once. Not for two
 * threads. */
typedef struct at_arena at_arena;

attrib_status at_arena_new(at_arena **out, attrib_error *err);
void at_arena_free(at_arena *arena);
/* n elements, NOT zeroed, aligned to 64 bytes, valid until the arena is reset below this
 * point. */
attrib_status at_arena_take(at_arena *arena,
                            size_t n,
                            size_t element_bytes,
                            void *out_pointer,
                            attrib_error *err);
/* Copy `n` bytes of text and add a NUL; NULL stays NULL. */
attrib_status at_arena_text(
    at_arena *arena, const char *text, size_t n, const char **out, attrib_error *err);
size_t at_arena_mark(const at_arena *arena);
void at_arena_reset(at_arena *arena, size_t mark); /* mark 0 gives back everything */

#endif
