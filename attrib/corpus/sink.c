/* SPDX-License-Identifier: MIT */
/* Rows that are no documents, on their way to who takes them. */
#include "corpus/sink.h"

attrib_status at_put_bad(at_sink sink,
                         const at_passage *passage,
                         const attrib_error *why,
                         attrib_error *err)
{
    return sink.put_bad ? sink.put_bad(sink.context, passage, why, err)
                        : at_fail(err, why->status, "%s", why->message);
}
