/* SPDX-License-Identifier: MIT */
/* A tokenizer whose ids are known by heart, in place of the library's: a byte is its
 * value + 3, ": " is one token (300), BOS is 1 and EOS 2 where there are such; the byte 4
 * stands for EOS in text. */
#ifndef SUPPORT_FAKE_TOKENIZER_H
#define SUPPORT_FAKE_TOKENIZER_H

#include "attrib/tokenizer.h"

struct attrib_tokenizer {
    bool has_bos, has_eos;
    bool adds_eos; /* behind a text, of its own accord */
};

enum { FAKE_BOS = 1, FAKE_EOS = 2, FAKE_PAIR = 300 };

#define FAKE_END '\4'

#endif
