/* SPDX-License-Identifier: MIT */
/* What the prompt of a row asks: its text, with the input that may follow it. */
#include "corpus/shape.h"

attrib_status at_shape_ask(const at_shape *shape,
                           const char *name,
                           const json_t *row,
                           const json_t *instance,
                           const at_chat *chat,
                           at_buffer *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *asked = NULL;
    const char *input = NULL;
    size_t n_asked = 0;
    size_t n_input = 0;
    AT_TRY(at_row_text(name, row, shape->asked, &asked, &n_asked, err));
    AT_TRY(at_buffer_append(out, asked, n_asked, err));
    if (shape->kind == AT_SHAPE_PAIR) {
        goto done;
    }
    if (shape->input) {
        AT_TRY(at_row_text(name, instance, shape->input, &input, &n_input, err));
    }
    if (n_input || !chat) {
        AT_TRY(at_buffer_print(out, err, "%s", at_chat_input(chat)));
        AT_TRY(at_buffer_append(out, input ? input : "", n_input, err));
    }
    if (n_input && !chat) {
        AT_TRY(at_buffer_append(out, "\n", 1, err));
    }
done:
    return status;
}
