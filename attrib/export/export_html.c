/* SPDX-License-Identifier: MIT */
/* A run as one page that opens from a file, without a network. */
#include "export/html.h"

/* Shares of tokens that a page may hold. One takes about 3 bytes of the file, the text of
 * the tokens included; browsers open such a page within seconds. */
#define MAX_SHARES ((size_t)8 << 20)

attrib_status at_export_html(attrib_run *run, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_output output = {0};
    at_shown shown = {0};
    AT_TRY(at_shown_choose(run, MAX_SHARES, &shown, err));
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_output_write(&output, at_page_head, at_page_head_bytes, err));
    AT_TRY(at_page_run(&shown, &output, err));
    AT_TRY(at_page_documents(&shown, &output, err));
    AT_TRY(at_page_answers(&shown, &output, err));
    AT_TRY(at_page_analyses(&shown, &output, err));
    AT_TRY(at_output_write(&output, at_page_foot, at_page_foot_bytes, err));
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    at_shown_free(&shown);
    return status;
}
