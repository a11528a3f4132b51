/* SPDX-License-Identifier: MIT */
/* Structs that programs fill, in the size that they know. */
#include "base/sized.h"

#include <string.h>

const char *attrib_version(void)
{
    return ATTRIB_VERSION;
}

/* No struct comes near it: a size beyond it was never set, and is not read up to. */
#define MOST_BYTES ((size_t)65536)

void at_sized_fill(const void *defaults, size_t known, void *out, size_t bytes)
{
    memset(out, 0, bytes);
    memcpy(out, defaults, bytes < known ? bytes : known);
    memcpy(out, &bytes, sizeof bytes);
}

static bool is_size(size_t bytes)
{
    return bytes >= sizeof bytes && bytes % sizeof bytes == 0 && bytes <= MOST_BYTES;
}

/* Copy what both sides know; what only the program knows is 0. */
static attrib_status take(const char *given,
                          size_t bytes,
                          const char *name,
                          void *out,
                          size_t known,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = known; i < bytes; i++) {
        AT_CHECK(given[i] == 0, ATTRIB_EINVAL,
                 "an attrib_%s of %zu bytes sets a member that attrib %s, which knows "
                 "%zu bytes of it, does not have: use a newer library",
                 name, bytes, attrib_version(), known);
    }
    memcpy(out, given, bytes < known ? bytes : known);
done:
    return status;
}

attrib_status at_sized_take(const void *given,
                            const char *name,
                            void *known,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_known = 0;
    size_t bytes = 0;
    if (!given) {
        return ATTRIB_OK;
    }
    memcpy(&n_known, known, sizeof n_known);
    memcpy(&bytes, given, sizeof bytes);
    if (!is_size(bytes)) {
        return at_fail(err, ATTRIB_EINVAL,
                       "an attrib_%s of size %zu was not initialised by "
                       "attrib_%s_default()",
                       name, bytes, name);
    }
    status = take(given, bytes, name, known, n_known, err);
    memcpy(known, &n_known, sizeof n_known);
    return status;
}

attrib_status at_item_take(const void *given,
                           size_t bytes,
                           const char *name,
                           void *out,
                           size_t known,
                           attrib_error *err)
{
    if (!is_size(bytes)) {
        return at_fail(err, ATTRIB_EINVAL,
                       "a list of attrib_%s of size %zu was not made by ATTRIB_LIST()",
                       name, bytes);
    }
    memset(out, 0, known);
    return take(given, bytes, name, out, known, err);
}
