/* SPDX-License-Identifier: MIT */
/* How a corpus is read, as a user says it, and as rows are read by it. */
#include "base/sized.h"
#include "corpus/draft.h"

void attrib_corpus_options_init(attrib_corpus_options *options, size_t size)
{
    const attrib_corpus_options standard = {
        .id_field = "id", .context = 1024, .append_eos = true};
    at_sized_fill(&standard, sizeof standard, options, size);
}

attrib_status at_corpus_options_take(const attrib_corpus_options *options,
                                     attrib_corpus_options *out,
                                     attrib_error *err)
{
    attrib_corpus_options_default(out);
    return at_sized_take(options, "corpus_options", out, err);
}

attrib_status at_corpus_options_check(const attrib_corpus_options *options,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;

    const struct {
        const char *name, *field;
    } fields[] = {
        {"text", options->text_field},
        {"prompt", options->prompt_field},
        {"completion", options->completion_field},
        {"messages", options->messages_field},
    };

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        AT_CHECK(!fields[i].field || *fields[i].field, ATTRIB_EINVAL, "%s field: empty",
                 fields[i].name);
    }
    AT_CHECK(options->id_field && *options->id_field, ATTRIB_EINVAL, "id field: empty");
    AT_CHECK(options->context >= 2, ATTRIB_EINVAL,
             "context: %zu tokens, expected at least 2", options->context);
done:
    return status;
}

at_rules at_rules_of(const attrib_tokenizer *tokenizer,
                     const attrib_corpus_options *options)
{
    at_rules rules = {
        .tokenizer = tokenizer,
        .text_field = options->text_field ? options->text_field : "text",
        .is_text_given = options->text_field != NULL,
        .id_field = options->id_field,
        .prompt_field = options->prompt_field,
        .completion_field = options->completion_field,
        .messages_field = options->messages_field,
        .tag_fields = options->tag_fields,
        .n_vocabulary = options->n_vocabulary,
        .append_eos = options->append_eos,
        .scratch_folder = options->scratch_folder,
        .takes_margin = options->preference == ATTRIB_PREFERENCE_MARGIN,
        .skips_bad_rows = options->on_bad_row == ATTRIB_BAD_ROWS_SKIP,
    };
    at_memory_limit_set(&rules.limit, (double)options->ram_limit, 0);
    return rules;
}
