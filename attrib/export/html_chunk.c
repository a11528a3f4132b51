/* SPDX-License-Identifier: MIT */
/* Chunks of data of a page. */
#include <math.h>
#include <string.h>

#include "export/html.h"
#include "format/deflate.h"

#define ALIGNMENT 8 /* of arrays, as the page's script reads them in place */

attrib_status at_chunk_begin(at_chunk *chunk, attrib_error *err)
{
    at_buffer_clear(&chunk->arrays);
    chunk->json = json_object();
    return chunk->json ? ATTRIB_OK
                       : at_fail(err, ATTRIB_ENOMEM, "out of memory for a page");
}

static attrib_status pad(at_buffer *buffer, attrib_error *err)
{
    static const char zeros[ALIGNMENT];
    size_t n_over = buffer->n_bytes % ALIGNMENT;
    return at_buffer_append(buffer, zeros, n_over ? ALIGNMENT - n_over : 0, err);
}

attrib_status at_chunk_add(at_chunk *chunk,
                           json_t *object,
                           const char *key,
                           const at_buffer *array,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_put_size(object, key, chunk->arrays.n_bytes, err));
    AT_TRY(at_buffer_append(&chunk->arrays, array->bytes, array->n_bytes, err));
    AT_TRY(pad(&chunk->arrays, err));
done:
    return status;
}

/* n, the JSON and the arrays one after the other. */
static attrib_status join(const at_chunk *chunk, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    uint32_t n_text = 0;
    AT_TRY(at_json_append(&text, chunk->json, err));
    AT_CHECK(text.n_bytes <= UINT32_MAX, ATTRIB_ERANGE,
             "%zu bytes of one kind are more than a page holds", text.n_bytes);
    n_text = (uint32_t)text.n_bytes;
    AT_TRY(at_buffer_append(out, &n_text, sizeof n_text, err));
    AT_TRY(at_buffer_append(out, text.bytes, text.n_bytes, err));
    AT_TRY(pad(out, err));
    AT_TRY(at_buffer_append(out, chunk->arrays.bytes, chunk->arrays.n_bytes, err));
done:
    at_buffer_free(&text);
    return status;
}

attrib_status at_chunk_write(at_chunk *chunk,
                             const char *name,
                             at_output *output,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer joined = {0};
    at_buffer small = {0};
    at_buffer element = {0};
    AT_TRY(join(chunk, &joined, err));
    AT_TRY(at_deflate(joined.bytes, joined.n_bytes, &small, err));
    AT_TRY(
        at_buffer_print(&element, err, "<script type=\"text/plain\" id=\"%s\">", name));
    AT_TRY(at_base64_append(&element, small.bytes, small.n_bytes, err));
    AT_TRY(at_buffer_print(&element, err, "</script>\n"));
    AT_TRY(at_output_write(output, element.bytes, element.n_bytes, err));
done:
    at_buffer_free(&joined);
    at_buffer_free(&small);
    at_buffer_free(&element);
    json_decref(chunk->json);
    chunk->json = NULL;
    return status;
}

void at_chunk_free(at_chunk *chunk)
{
    json_decref(chunk->json);
    chunk->json = NULL;
    at_buffer_free(&chunk->arrays);
}

attrib_status at_put_real(json_t *object,
                          const char *key,
                          double value,
                          attrib_error *err)
{
    return at_put(object, key, isfinite(value) ? json_real(value) : json_null(), err);
}

attrib_status at_put_tags(json_t *object,
                          const attrib_tag *tags,
                          size_t n_tags,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *list = NULL;
    AT_TRY(at_put_array(object, "tags", &list, err));
    for (size_t i = 0; i < n_tags; i++) {
        json_t *tag = NULL;
        AT_TRY(at_add_object(list, &tag, err));
        AT_TRY(at_put_text(tag, "key", tags[i].key, err));
        AT_TRY(at_put_text(tag, "value", tags[i].value, err));
    }
done:
    return status;
}
