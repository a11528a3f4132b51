/* SPDX-License-Identifier: MIT */
/* Chat templates by name, in Jinja as the models' own are.
 *
 * Sources: the tokenizer_config.json of the models named, as published, without what is
 * about tools; Alpaca: the prompts of Stanford's training code, turns set apart by an
 * empty line. */
#include <stdio.h>
#include <string.h>

#include "tokenizer/chat.h"

#define EACH "{% for message in messages %}"
#define ASKS "{% endfor %}{% if add_generation_prompt %}"

/* User and assistant take turns, the user first; a system message may come before. */
#define IN_TURN                                                                          \
    "{% set ns = namespace(last = 'assistant') %}"                                       \
    "{% for message in messages %}"                                                      \
    "{% if message.role not in ['user', 'assistant'] or message.role == ns.last %}"      \
    "{{ raise_exception('user and assistant must take turns') }}{% endif %}"             \
    "{% set ns.last = message.role %}{% endfor %}"
#define NO_SYSTEM                                                                        \
    "{% if messages and messages[0].role == 'system' %}"                                 \
    "{{ raise_exception('there is no place for a system message') }}{% endif %}"
/* The system's message before the first user's, and the messages without it. */
#define MERGED                                                                           \
    "{% set system = '' %}{% if messages and messages[0].role == 'system' %}"            \
    "{% set system = messages[0].content %}{% set messages = messages[1:] %}{% endif %}"

#define LLAMA3                                                                           \
    "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + "               \
    "message.content | trim + '<|eot_id|>' }}"
#define LLAMA3_ASKS "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
#define GEMMA                                                                            \
    "{{ '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) " \
    "+ '\n' }}{{ (system + '\n\n' if loop.first and system) }}"                          \
    "{{ message.content | trim + '<end_of_turn>\n' }}"
#define GEMMA_ASKS "{{ '<start_of_turn>model\n' }}{% endif %}"

static const at_chat_named templates[] = {
    /* SmolLM2, Qwen1.5 to 2.5, Yi, Hermes, ... */
    {.name = "chatml",
     .source = EACH "{{ '<|im_start|>' + message.role + '\n' + message.content + "
                    "'<|im_end|>\n' }}" ASKS "{{ '<|im_start|>assistant\n' }}{% endif %}",
     .tokens = {"<|im_start|>", "<|im_end|>"}},
    {.name = "qwen3",
     .source = "{% set ns = namespace(last = -1) %}" EACH
               "{% if message.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}"
               "{% endfor %}" EACH "{{ '<|im_start|>' + message.role + '\n' }}"
               "{% if message.role == 'assistant' %}"
               "{% set content = message.content %}{% set thought = '' %}"
               "{% if message.reasoning_content is string %}"
               "{% set thought = message.reasoning_content %}"
               "{% elif '</think>' in content %}"
               "{% set thought = content.split('</think>')[0].rstrip('\n')"
               ".split('<think>')[-1].lstrip('\n') %}"
               "{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}"
               "{% if loop.index0 > ns.last and (loop.last or thought) %}"
               "{{ '<think>\n' + thought.strip('\n') + '\n</think>\n\n' + "
               "content.lstrip('\n') }}"
               "{% else %}{{ content }}{% endif %}"
               "{% else %}{{ '' + message.content }}{% endif %}{{ '<|im_end|>\n' }}" ASKS
               "{{ '<|im_start|>assistant\n' }}{% endif %}",
     .tokens = {"<|im_start|>", "<|im_end|>"}},
    {.name = "llama2",
     .source = MERGED IN_TURN EACH
     "{% set content = '<<SYS>>\n' + system + '\n<</SYS>>\n\n' + message.content "
     "if loop.first and system else message.content %}"
     "{% if message.role == 'user' %}"
     "{{ bos_token + '[INST] ' + content | trim + ' [/INST]' }}"
     "{% else %}{{ ' ' + content | trim + ' ' + eos_token }}{% endif %}{% endfor %}",
     .needs_eos = true},
    {.name = "llama3",
     .source = "{{ bos_token }}" EACH LLAMA3 ASKS LLAMA3_ASKS,
     .tokens = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}},
    /* Llama 3.1 to 3.3 */
    {.name = "llama3.1",
     .source = MERGED
     "{{ bos_token }}{{ '<|start_header_id|>system<|end_header_id|>\n\n"
     "Cutting Knowledge Date: December 2023\nToday Date: ' + "
     "strftime_now('%d %b %Y') + '\n\n' + system | trim + '<|eot_id|>' }}" EACH LLAMA3
         ASKS LLAMA3_ASKS,
     .tokens = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}},
    /* Mistral 7B Instruct v0.1 and v0.2 as first published */
    {.name = "mistral",
     .source = NO_SYSTEM IN_TURN
     "{{ bos_token }}" EACH
     "{% if message.role == 'user' %}{{ '[INST] ' + message.content + ' [/INST]' }}"
     "{% else %}{{ message.content + eos_token }}{% endif %}{% endfor %}",
     .needs_eos = true},
    /* the same as published since */
    {.name = "mistral-v1",
     .source = MERGED IN_TURN
     "{{ bos_token }}" EACH "{% if message.role == 'user' %}{{ ' [INST] ' }}"
     "{{ (system + '\n\n' if loop.first and system) }}"
     "{{ message.content + ' [/INST]' }}"
     "{% else %}{{ ' ' + message.content + eos_token }}{% endif %}{% endfor %}",
     .needs_eos = true},
    /* Mistral 7B Instruct v0.3 */
    {.name = "mistral-v3",
     .source = NO_SYSTEM IN_TURN
     "{{ bos_token }}" EACH
     "{% if message.role == 'user' %}{{ '[INST] ' + message.content + '[/INST]' }}"
     "{% else %}{{ ' ' + message.content | trim + eos_token }}{% endif %}{% endfor %}",
     .tokens = {"[INST]", "[/INST]"},
     .needs_eos = true},
    /* Mistral Nemo */
    {.name = "mistral-tekken",
     .source = NO_SYSTEM IN_TURN
     "{{ bos_token }}" EACH
     "{% if message.role == 'user' %}{{ '[INST]' + message.content + '[/INST]' }}"
     "{% else %}{{ message.content + eos_token }}{% endif %}{% endfor %}",
     .tokens = {"[INST]", "[/INST]"},
     .needs_eos = true},
    /* Gemma 1 and 2 */
    {.name = "gemma",
     .source = NO_SYSTEM IN_TURN "{{ bos_token }}" EACH GEMMA ASKS GEMMA_ASKS,
     .tokens = {"<start_of_turn>", "<end_of_turn>"}},
    {.name = "gemma3",
     .source = MERGED IN_TURN "{{ bos_token }}" EACH GEMMA ASKS GEMMA_ASKS,
     .tokens = {"<start_of_turn>", "<end_of_turn>"}},
    {.name = "phi3",
     .source =
         EACH "{{ '<|' + message.role + '|>\n' + message.content + '<|end|>\n' }}" ASKS
              "{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
     .tokens = {"<|user|>", "<|assistant|>", "<|end|>"},
     .needs_eos = true},
    {.name = "phi4",
     .source =
         EACH "{{ '<|im_start|>' + message.role + '<|im_sep|>' + message.content + "
              "'<|im_end|>' }}" ASKS "{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}",
     .tokens = {"<|im_start|>", "<|im_sep|>", "<|im_end|>"}},
    {.name = "phi4-mini",
     .source = EACH "{{ '<|' + message.role + '|>' + message.content + '<|end|>' }}" ASKS
                    "{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}",
     .tokens = {"<|user|>", "<|assistant|>", "<|end|>"},
     .needs_eos = true},
    /* and TinyLlama */
    {.name = "zephyr",
     .source = EACH "{{ '<|' + message.role + '|>\n' + message.content + eos_token + "
                    "'\n' }}" ASKS "{{ '<|assistant|>\n' }}{% endif %}",
     .needs_eos = true},
    {.name = "alpaca",
     .source = MERGED
     "{{ system or (\"Below is an instruction that describes a task, paired "
     "with an input that provides further context. Write a response that "
     "appropriately completes the request.\" if messages and "
     "'\n\n### Input:\n' in messages[0].content else \"Below is an "
     "instruction that describes a task. Write a response that appropriately "
     "completes the request.\") }}{{ '\n\n' }}" EACH "{% if message.role == 'user' %}"
     "{{ '### Instruction:\n' + message.content + '\n\n' }}"
     "{% else %}{{ '### Response:\n' + message.content + eos_token + "
     "'\n\n' }}{% endif %}" ASKS "{{ '### Response:\n' }}{% endif %}",
     .needs_eos = true,
     .input = "\n\n### Input:\n"},
};

const char *const at_special_names[AT_SPECIAL_NAMES] = {
    "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"};

const at_chat_named *at_chat_find(const char *name)
{
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        if (strcmp(templates[i].name, name) == 0) {
            return &templates[i];
        }
    }
    return NULL;
}

const char *at_chat_names(char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof templates / sizeof *templates && n < size; i++) {
        n += (size_t)snprintf(out + n, size - n, "%s, ", templates[i].name);
    }
    if (n < size) {
        snprintf(out + n, size - n, "plain");
    }
    return out;
}
