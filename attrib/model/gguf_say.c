/* SPDX-License-Identifier: MIT */
/* What reading a GGUF file's configuration shares: keys of its metadata, and members of
 * config.json. */
#include "model/gguf_say.h"

#include <math.h>
#include <stdio.h>

attrib_status at_say(json_t *object, const char *key, json_t *value, attrib_error *err)
{
    return value && json_object_set_new(object, key, value) == 0
               ? ATTRIB_OK
               : at_fail(err, ATTRIB_ENOMEM, "out of memory for a configuration");
}

const char *at_gguf_key_of(const at_gguf_saying *s,
                           const char *suffix,
                           char buffer[AT_GGUF_MAX_KEY])
{
    snprintf(buffer, AT_GGUF_MAX_KEY, "%s.%s", s->family->gguf, suffix);
    return buffer;
}

attrib_status at_gguf_get(const at_gguf_saying *s,
                          const char *suffix,
                          double fallback,
                          double *out,
                          attrib_error *err)
{
    char name[AT_GGUF_MAX_KEY];
    *out = fallback;
    return at_gguf_number(s->gguf, at_gguf_key_of(s, suffix, name), out, NULL, err);
}

attrib_status at_gguf_expect(const at_gguf_saying *s,
                             const char *suffix,
                             double expected,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[AT_GGUF_MAX_KEY];
    double value = expected;
    AT_TRY(at_gguf_get(s, suffix, expected, &value, err));
    /* Numbers that are no sizes are f32 in files. */
    AT_CHECK(fabs(value - expected) <= 1e-6 * fabs(expected), ATTRIB_ENOTSUP,
             "%s: %s %g is not supported, expected %g", at_gguf_path(s->gguf),
             at_gguf_key_of(s, suffix, name), value, expected);
done:
    return status;
}
