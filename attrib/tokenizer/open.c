/* SPDX-License-Identifier: MIT */
/* Opening a tokenizer: which file of a path holds it, and what else its folder says.
 */
#include "tokenizer/tokenizer_internal.h"

#include <stdlib.h>

#include "base/file.h"

#define MAX_FILE ((size_t)256 << 20)

static attrib_status open_gguf(const char *path,
                               attrib_tokenizer **out,
                               attrib_error *err)
{
    at_gguf *gguf = NULL;
    attrib_status status = at_gguf_open(path, AT_GGUF_HEADER, &gguf, err);
    if (status == ATTRIB_OK) {
        status = at_tokenizer_from_gguf(gguf, out, err);
    }
    at_gguf_close(gguf);
    return status;
}

static attrib_status open_json(const char *path,
                               attrib_tokenizer **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer bytes = {0};
    AT_TRY(at_read_file(path, MAX_FILE, &bytes, err));
    AT_TRY(at_tokenizer_parse(path, bytes.bytes, bytes.n_bytes, out, err));
done:
    at_buffer_free(&bytes);
    return status;
}

static attrib_status open_folder(const char *folder,
                                 attrib_tokenizer **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *inside = NULL;
    AT_TRY(at_join_path(folder, "tokenizer.json", &inside, err));
    if (!at_is_there(inside)) {
        status = ATTRIB_END;
        goto done;
    }
    AT_TRY(open_json(inside, out, err));
    AT_TRY(at_tokenizer_configure(*out, folder, err));
done:
    free(inside);
    return status;
}

attrib_status attrib_tokenizer_open(const char *path,
                                    attrib_tokenizer **out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *gguf = NULL;
    attrib_tokenizer *tokenizer = NULL;
    AT_TRY(at_gguf_find_file(path, &gguf, err));
    if (gguf) {
        AT_TRY(open_gguf(gguf, &tokenizer, err));
    } else if (at_is_folder(path)) {
        AT_TRY(open_folder(path, &tokenizer, err));
    } else {
        AT_TRY(open_json(path, &tokenizer, err));
        AT_TRY(at_tokenizer_add_stops(tokenizer, err));
    }
    *out = tokenizer;
    tokenizer = NULL;
done:
    free(gguf);
    attrib_tokenizer_close(tokenizer);
    return status;
}
