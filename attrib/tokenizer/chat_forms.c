/* SPDX-License-Identifier: MIT */
/* The known forms of chat templates, as the models' own templates have them.
 *
 * Sources: the tokenizer_config.json of the models named, as published; Alpaca: the
 * prompts of Stanford's training code, turns set apart by an empty line. */
#include <stdio.h>
#include <string.h>

#include "tokenizer/chat.h"
#include "tokenizer/tokenizer_internal.h"

#define BOS           "\1"
#define EOS           "\2"

#define LLAMA3_HEAD   "<|start_header_id|>"
#define LLAMA3_MIDDLE "<|end_header_id|>\n\n"
/* The date that the template falls back to where none is given. */
#define LLAMA31_DATES "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"

static const at_chat_form forms[] = {
    /* SmolLM2, Qwen1.5 to 2.5, Yi, Hermes, ... */
    {
        .name = "chatml",
        .system = {"<|im_start|>system\n", "<|im_end|>\n"},
        .user = {"<|im_start|>user\n", "<|im_end|>\n"},
        .header = "<|im_start|>assistant\n",
        .said = {"", "<|im_end|>"},
        .tail = "\n",
    },
    {
        .name = "qwen3",
        .system = {"<|im_start|>system\n", "<|im_end|>\n"},
        .user = {"<|im_start|>user\n", "<|im_end|>\n"},
        .header = "<|im_start|>assistant\n",
        .said = {"", "<|im_end|>"},
        .tail = "\n",
        .thinks = true,
    },
    {
        .name = "llama2",
        .system = {"<<SYS>>\n", "\n<</SYS>>\n\n"},
        .user = {BOS "[INST] ", " [/INST]"},
        .header = "",
        .said = {" ", " " EOS},
        .merges_system = true,
        .trims = true,
        .trims_said = true,
        .trims_merged = true,
        .alternates = true,
    },
    {
        .name = "llama3",
        .start = BOS,
        .system = {LLAMA3_HEAD "system" LLAMA3_MIDDLE, "<|eot_id|>"},
        .user = {LLAMA3_HEAD "user" LLAMA3_MIDDLE, "<|eot_id|>"},
        .header = LLAMA3_HEAD "assistant" LLAMA3_MIDDLE,
        .said = {"", "<|eot_id|>"},
        .trims = true,
        .trims_said = true,
    },
    /* Llama 3.1 to 3.3 */
    {
        .name = "llama3.1",
        .start = BOS,
        .system = {LLAMA3_HEAD "system" LLAMA3_MIDDLE LLAMA31_DATES, "<|eot_id|>"},
        .user = {LLAMA3_HEAD "user" LLAMA3_MIDDLE, "<|eot_id|>"},
        .header = LLAMA3_HEAD "assistant" LLAMA3_MIDDLE,
        .said = {"", "<|eot_id|>"},
        .standard = "",
        .trims = true,
        .trims_said = true,
    },
    /* Mistral 7B Instruct v0.1 and v0.2 as first published */
    {
        .name = "mistral",
        .start = BOS,
        .user = {"[INST] ", " [/INST]"},
        .header = "",
        .said = {"", EOS},
        .alternates = true,
    },
    /* the same as published since */
    {
        .name = "mistral-v1",
        .start = BOS,
        .system = {"", "\n\n"},
        .user = {" [INST] ", " [/INST]"},
        .header = "",
        .said = {" ", EOS},
        .merges_system = true,
        .alternates = true,
    },
    /* Mistral 7B Instruct v0.3 */
    {
        .name = "mistral-v3",
        .start = BOS,
        .user = {"[INST] ", "[/INST]"},
        .header = "",
        .said = {" ", EOS},
        .trims_said = true,
        .alternates = true,
    },
    /* Mistral Nemo */
    {
        .name = "mistral-tekken",
        .start = BOS,
        .user = {"[INST]", "[/INST]"},
        .header = "",
        .said = {"", EOS},
        .alternates = true,
    },
    /* Gemma 1 and 2 */
    {
        .name = "gemma",
        .start = BOS,
        .user = {"<start_of_turn>user\n", "<end_of_turn>\n"},
        .header = "<start_of_turn>model\n",
        .said = {"", "<end_of_turn>"},
        .tail = "\n",
        .trims = true,
        .trims_said = true,
        .alternates = true,
    },
    {
        .name = "gemma3",
        .start = BOS,
        .system = {"", "\n\n"},
        .user = {"<start_of_turn>user\n", "<end_of_turn>\n"},
        .header = "<start_of_turn>model\n",
        .said = {"", "<end_of_turn>"},
        .tail = "\n",
        .merges_system = true,
        .trims = true,
        .trims_said = true,
        .alternates = true,
    },
    {
        .name = "phi3",
        .system = {"<|system|>\n", "<|end|>\n"},
        .user = {"<|user|>\n", "<|end|>\n"},
        .header = "<|assistant|>\n",
        .said = {"", "<|end|>"},
        .tail = "\n",
        .finish = EOS,
    },
    {
        .name = "phi4",
        .system = {"<|im_start|>system<|im_sep|>", "<|im_end|>"},
        .user = {"<|im_start|>user<|im_sep|>", "<|im_end|>"},
        .header = "<|im_start|>assistant<|im_sep|>",
        .said = {"", "<|im_end|>"},
    },
    {
        .name = "phi4-mini",
        .system = {"<|system|>", "<|end|>"},
        .user = {"<|user|>", "<|end|>"},
        .header = "<|assistant|>",
        .said = {"", "<|end|>"},
        .finish = EOS,
    },
    /* and TinyLlama */
    {
        .name = "zephyr",
        .system = {"<|system|>\n", EOS "\n"},
        .user = {"<|user|>\n", EOS "\n"},
        .header = "<|assistant|>\n",
        .said = {"", EOS},
        .tail = "\n",
    },
    {
        .name = "alpaca",
        .system = {"", "\n\n"},
        .user = {"### Instruction:\n", "\n\n"},
        .header = "### Response:\n",
        .said = {"", EOS},
        .tail = "\n\n",
        .standard = "Below is an instruction that describes a task. Write a response "
                    "that appropriately completes the request.",
        .with_input = "Below is an instruction that describes a task, paired with an "
                      "input that provides further context. Write a response that "
                      "appropriately completes the request.",
        .input = "\n\n### Input:\n",
    },
};

const at_chat_form *at_chat_forms(size_t *n)
{
    *n = sizeof forms / sizeof *forms;
    return forms;
}

const char *at_chat_names(char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms && n < size; i++) {
        n += (size_t)snprintf(out + n, size - n, "%s, ", forms[i].name);
    }
    if (n < size) {
        snprintf(out + n, size - n, "plain");
    }
    return out;
}

/* The usual settings of a form, with the texts of a tokenizer's tokens. */
static at_chat set_up(const attrib_tokenizer *t, const at_chat_form *form)
{
    at_chat chat = {
        .form = form,
        .start = form->start ? form->start : "",
        .finish = form->finish ? form->finish : "",
        .standard = form->standard,
        .trims = form->trims,
        .trims_said = form->trims_said,
        .alternates = form->alternates,
        .takes_system = form->system.before != NULL,
        .hides_thoughts = form->thinks,
        .bos = "",
    };
    if (attrib_tokenizer_bos(t) >= 0) {
        chat.bos = attrib_tokenizer_piece(t, attrib_tokenizer_bos(t), &chat.n_bos);
    }
    if (attrib_tokenizer_eos(t) >= 0) {
        chat.eos = attrib_tokenizer_piece(t, attrib_tokenizer_eos(t), &chat.n_eos);
    }
    return chat;
}

attrib_status at_chat_by_name(const attrib_tokenizer *tokenizer,
                              const char *name,
                              at_chat *out,
                              attrib_error *err)
{
    char names[512];
    *out = (at_chat){0};
    if (strcmp(name, "plain") == 0) {
        return ATTRIB_OK;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (strcmp(forms[i].name, name) == 0) {
            *out = set_up(tokenizer, &forms[i]);
            return ATTRIB_OK;
        }
    }
    return at_fail(err, ATTRIB_EINVAL, "chat template \"%.64s\" is not known: %s", name,
                   at_chat_names(names, sizeof names));
}

attrib_status at_chat_of_model(const attrib_tokenizer *tokenizer,
                               at_chat *out,
                               attrib_error *err)
{
    char names[512];
    *out = tokenizer->chat;
    if (!tokenizer->has_chat_template || tokenizer->chat.form) {
        return ATTRIB_OK;
    }
    return at_fail(err, ATTRIB_ENOTSUP,
                   "the model's chat template is not recognized (%.200s); name one: %s",
                   tokenizer->chat_problem.message, at_chat_names(names, sizeof names));
}

const char *at_chat_problem(const attrib_tokenizer *tokenizer)
{
    return tokenizer->chat_problem.message;
}
