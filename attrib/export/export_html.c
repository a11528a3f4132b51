/* SPDX-License-Identifier: MIT */
/* A run as one page that opens from a file, without a network. */
#include "export/html.h"

/* Shares of tokens that a page may hold. One takes about 3 bytes of the file, the text of
 * the tokens included; browsers open such a page within seconds. */
#define MAX_SHARES ((size_t)8 << 20)

/* What the first view needs: the page is used while the rest is being read. */
static attrib_status write_first(const at_shown *shown,
                                 at_output *output,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_page_run(shown, output, err));
    AT_TRY(at_page_names(shown, output, err));
    AT_TRY(at_page_tails(shown, 0, output, err));
    AT_TRY(at_page_answers(shown, 0, at_smaller(1, shown->n_answers), output, err));
    AT_TRY(at_page_texts(shown, 0, at_shown_first(shown), output, err));
done:
    return status;
}

static attrib_status write_rest(const at_shown *shown,
                                at_output *output,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_page_answers(shown, 1, shown->n_answers, output, err));
    AT_TRY(at_page_texts(shown, at_shown_first(shown), shown->n_documents, output, err));
    AT_TRY(at_page_analyses(shown, output, err));
done:
    return status;
}

attrib_status at_export_html(attrib_run *const *runs,
                             size_t n_runs,
                             const char *path,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_output output = {0};
    at_shown shown = {0};
    AT_CHECK(attrib_run_describe(runs[0])->n_queries, ATTRIB_ENOTSUP,
             "the run has no queries, which a page is about; attrib show lists its "
             "documents");
    AT_TRY(at_shown_choose(runs, n_runs, MAX_SHARES, &shown, err));
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_output_write(&output, at_page_head, at_page_head_bytes, err));
    AT_TRY(write_first(&shown, &output, err));
    AT_TRY(at_output_write(&output, at_page_middle, at_page_middle_bytes, err));
    AT_TRY(write_rest(&shown, &output, err));
    AT_TRY(at_output_write(&output, at_page_foot, at_page_foot_bytes, err));
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    at_shown_free(&shown);
    return status;
}
