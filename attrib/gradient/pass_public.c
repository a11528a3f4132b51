/* SPDX-License-Identifier: MIT */
/* The pass as programs run it: in f32, over a whole corpus. */
#include <stdlib.h>

#include "base/sized.h"
#include "gradient/pass.h"

attrib_status attrib_pass_run(attrib_session *session,
                              const attrib_model *model,
                              const attrib_corpus *corpus,
                              const char *modules,
                              const attrib_taps *taps,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *tracked = NULL;
    attrib_tap *known = NULL; /* [taps->n] as far as this library knows them */
    at_pass pass = {.session = session,
                    .model = model,
                    .labels = AT_LABELS_DATA,
                    .block_rows = AT_BLOCK_ROWS};
    at_source source = at_source_corpus(corpus);
    AT_CHECK(taps->n > 0, ATTRIB_EINVAL, "a pass without a tap");
    AT_TRY(at_array(taps->n, sizeof *known, &known, err));
    for (size_t i = 0; i < taps->n; i++) {
        const char *given = (const char *)taps->taps + i * taps->tap_bytes;
        AT_TRY(
            at_item_take(given, taps->tap_bytes, "tap", &known[i], sizeof *known, err));
    }
    AT_TRY(attrib_model_select(model, modules ? modules : "mlp", &tracked,
                               &pass.n_tracked, err));
    pass.tracked = tracked;
    pass.stage = known[0].name;
    AT_TRY(at_pass_run(&pass, &source, known, taps->n, err));
done:
    free(known);
    free(tracked);
    return status;
}
