/* SPDX-License-Identifier: MIT */
/* Tokenizers of GGUF files of the kind "gpt2": byte-level BPE with merges.
 *
 *   1. Pre-tokenizers   2. Merges   3. The kind
 *
 * Source: names, defaults and expressions as in llama_vocab of llama.cpp v0.5.0, but the
 * expressions of the models' own tokenizers where llama.cpp runs others in their place,
 * which its own engine understands (capitals, scripts, and numbers of afmoe). */
#include "tokenizer/gguf_source.h"

#include <stdlib.h>
#include <string.h>

/* 1. Pre-tokenizers */

/* Words, numbers, and all else, each with a space before it. */
#define GPT2                                                                             \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define SHORT_FORMS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LINES       "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WORD_START  "[^\\r\\n\\p{L}\\p{N}]?"
/* Words and numbers of at most n digits, as in OpenAI's cl100k. */
#define CL100K(n)                                                                        \
    SHORT_FORMS "|" WORD_START "\\p{L}+|\\p{N}" n "| "                                   \
                "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" LINES
/* Words by their capitals; `ends` are the short forms that follow them. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CAPITALS(ends, n)                                                                \
    WORD_START UPPER "*" LOWER "+" ends "|" WORD_START UPPER "+" LOWER "*" ends          \
                     "|\\p{N}" n "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" LINES
#define HAN_AND_HANGUL "[\\u4E00-\\u9FA5\\u0800-\\u4E00\\uAC00-\\uD7FF]+"
#define NO_STOPS       " ?[^(\\s|.,!?\\u2026\\u3002\\uFF0C\\u3001\\u0964\\u06D4\\u060C)]+"
/* Letters of scripts with two cases, as deepseek-llm lists them. */
#define CASED                                                                            \
    "A-Za-z\\u00B5\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u01BA\\u01BC-\\u01BF"          \
    "\\u01C4-\\u0293\\u0295-\\u02AF\\u0370-\\u0373\\u0376\\u0377\\u037B-\\u037D"         \
    "\\u037F\\u0386\\u0388-\\u038A\\u038C\\u038E-\\u03A1\\u03A3-\\u03F5\\u03F7-"         \
    "\\u0481\\u048A-\\u052F\\u0531-\\u0556\\u10A0-\\u10C5\\u13A0-\\u13F5\\u13F8"         \
    "-\\u13FD\\u1C90-\\u1CBA\\u1CBD-\\u1CBF\\u1D00-\\u1D2B\\u1D6B-\\u1D77"               \
    "\\u1D79-\\u1D9A\\u1E00-\\u1F15\\u1F18-\\u1F1D\\u1F20-\\u1F45\\u1F48-"               \
    "\\u1F4D\\u1F50-\\u1F57\\u1F59\\u1F5B\\u1F5D\\u1F5F-\\u1F7D\\u1F80-\\u1FB4"          \
    "\\u1FB6-\\u1FBC\\u1FBE\\u1FC2-\\u1FC4\\u1FC6-\\u1FCC\\u1FD0-\\u1FD3\\u1FD6"         \
    "-\\u1FDB\\u1FE0-\\u1FEC\\u1FF2-\\u1FF4\\u1FF6-\\u1FFC\\u2102\\u2107\\u210A"         \
    "-\\u2113\\u2115\\u2119-\\u211D\\u2124\\u2126\\u2128\\u212A-\\u212D\\u212F-"         \
    "\\u2134\\u2139\\u213C-\\u213F\\u2145-\\u2149\\u214E\\u2183\\u2184\\u2C00-"          \
    "\\u2C7B\\u2C7E-\\u2CE4\\u2CEB-\\u2CEE\\u2CF2\\u2CF3\\uA640-\\uA66D\\uA680-"         \
    "\\uA69B\\uA722-\\uA76F\\uA771-\\uA787\\uA78B-\\uA78E\\uAB70-\\uABBF\\uFB00"         \
    "-\\uFB06\\uFB13-\\uFB17\\uFF21-\\uFF3A\\uFF41-\\uFF5A\\x{10400}-\\x{1044F}"         \
    "\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-"         \
    "\\x{10CF2}\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}"

/* Han characters in runs, and words of kimi-k2, which have none. */
#define NO_HAN_UPPER "(?:(?!\\p{Han})" UPPER ")"
#define NO_HAN_LOWER "(?:(?!\\p{Han})" LOWER ")"
#define KIMI                                                                             \
    "\\p{Han}+|" WORD_START NO_HAN_UPPER "*" NO_HAN_LOWER "+" SHORT_FORMS                \
    "?|" WORD_START NO_HAN_UPPER "+" NO_HAN_LOWER "*" SHORT_FORMS                        \
    "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" LINES
/* Punctuation with the letters that follow it, words with their marks, and all else. */
#define DEEPSEEK3                                                                        \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"                              \
    "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"                                       \
    "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" LINES
/* Scripts of Asia in afmoe: Han, kana and their forms, Thai, Lao, Khmer, Burmese, Hangul.
 */
#define ASIA                                                                             \
    "[\\u4E00-\\u9FFF\\u3400-\\u4DBF\\uF900-\\uFAFF\\u3040-\\u30FF\\uFF65-"              \
    "\\uFF9F\\u2F00-"                                                                    \
    "\\u2FDF\\u0E40-\\u0E7F\\u0E80-\\u0EFF\\u1780-\\u17FF\\u1000-\\u109F\\uAA60-\\uAA7F" \
    "\\uA9E0-\\uA9FF\\uAC00-\\uD7AF\\u1100-\\u11FF]+"

/* The pre-tokenizer of falcon, as its models' tokenizer.json has it. */
#define FALCON                                                                           \
    "{\"type\":\"Sequence\",\"pretokenizers\":["                                         \
    "{\"type\":\"Punctuation\",\"behavior\":\"Contiguous\"},"                            \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true},"            \
    "{\"type\":\"Digits\"},"                                                             \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[0-9][0-9][0-9]\"},"                   \
    "\"behavior\":\"Isolated\"}]}"

typedef struct pre_tokenizer {
    const char *names[12];
    const char *splits[7]; /* expressions; matches and what lies between are words */
    const char *json;      /* where splits do not say it all */
    bool is_composed;      /* the models' own tokenizers bring text to NFC first */
    bool ignores_merges;   /* words that are tokens need no merges */
    bool adds_bos;         /* where the file does not say */
} pre_tokenizer;

static const pre_tokenizer pre_tokenizers[] = {
    /* The first is for files that name none. */
    {.names = {"default"},
     .splits = {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {.names = {"gpt-2", "phi-2", "jais", "gigachat", "a.x-4.0", "mellum", "exaone4",
               "trillion", "granite-docling"},
     .splits = {GPT2}},
    {.names = {"mpt", "olmo"}, .splits = {GPT2}, .is_composed = true},
    {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral",
               "midm-2.0", "lfm2"},
     .splits = {CL100K("{1,3}")},
     .ignores_merges = true,
     .adds_bos = true},
    {.names = {"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, .splits = {CL100K("{1,3}")}},
    {.names = {"qwen2", "deepseek-r1-qwen"}, .splits = {CL100K("")}, .is_composed = true},
    {.names = {"stablelm2", "hunyuan", "grok-2", "solar-open", "kormo", "megrez"},
     .splits = {CL100K("")}},
    {.names = {"tekken"},
     .splits = {CAPITALS("", "")},
     .ignores_merges = true,
     .adds_bos = true},
    {.names = {"gpt-4o", "llama4", "minimax-m2"},
     .splits = {CAPITALS(SHORT_FORMS "?", "{1,3}")}},
    {.names = {"smollm", "starcoder", "refact", "codeshell", "command-r", "exaone",
               "minerva-7b"},
     .splits = {"\\p{N}", GPT2}},
    {.names = {"falcon"}, .json = FALCON},
    {.names = {"deepseek-llm"},
     .splits =
         {"[\\r\\n]", "\\s?[" CASED "]+",
          "\\s?[!-/:-~\\uFF01-\\uFF0F\\uFF1A-\\uFF5E\\u2018-\\u201F\\u3000-\\u3002]+",
          "\\s+$", HAN_AND_HANGUL, "\\p{N}+"}},
    {.names = {"deepseek-coder"},
     .splits = {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", HAN_AND_HANGUL, "\\p{N}"}},
    {.names = {"deepseek-v3", "hunyuan-dense", "joyai-llm"},
     .splits = {"\\p{N}{1,3}", "[\\u4E00-\\u9FA5\\u3040-\\u309F\\u30A0-\\u30FF]+",
                DEEPSEEK3}},
    {.names = {"seed-coder"},
     .splits = {SHORT_FORMS "|" WORD_START
                            "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" LINES}},
    {.names = {"bailingmoe", "bailingmoe2", "llada-moe"},
     .splits = {"'(?i:[sdmt]|ll|ve|re)|" WORD_START
                "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|"
                "\\s+(?!\\S)|\\s+"}},
    {.names = {"bloom", "gpt3-finnish", "poro-chat"}, .splits = {NO_STOPS}},
    {.names = {"viking"}, .splits = {NO_STOPS, "\\p{N}"}},
    {.names = {"kimi-k2"}, .splits = {KIMI}},
    {.names = {"qwen35"},
     .splits = {SHORT_FORMS "|" WORD_START "[\\p{L}\\p{M}]+|\\p{N}| "
                            "?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINES},
     .is_composed = true},
    {.names = {"chameleon"},
     .splits = {"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
                "([\\t\\n]|    |  )", "\\p{N}", "[\\p{P}!-/:-@\\[-`{-~]", GPT2},
     .adds_bos = true},
    /* Numbers, and then these from their end in threes. */
    {.names = {"superbpe"}, .splits = {"\\p{N}+", "(?=(\\d{3})+(?!\\d))"}},
    {.names = {"afmoe"},
     .splits = {"\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))", ASIA, DEEPSEEK3}},
    {.names = {"youtu"},
     .splits = {"[\\uAC00-\\uD7A3\\u3131-\\u318E]+|[\\uFF01\\u2026\\u201C\\u201D\\u2018"
                "\\u2019\\u2014\\uFF1A\\uFF1B\\uFF0C\\u3001-\\u303F\\uFE30-\\uFE4F]+|"
                "[\\u3105-\\u312F]+|[\\u4E00-\\u9FA5\\u3040-\\u309F\\u30A0-\\u30FF]+",
                CAPITALS(SHORT_FORMS "?", "")},
     .ignores_merges = true},
};

/* The row that a file names, or the first where it names none. */
static attrib_status find_pre_tokenizer(const at_gguf_source *s,
                                        const pre_tokenizer **out,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *name = NULL;
    bool is_there = false;
    AT_TRY(at_gguf_get_text(s->gguf, AT_GGUF_KEY("pre"), &name, NULL, &is_there, err));
    if (!is_there) {
        *out = &pre_tokenizers[0];
        s->t->note =
            "the file does not name its pre-tokenizer (key "
            "\"" AT_GGUF_KEY("pre") "\"), so words are split as llama.cpp does by "
                                    "default; --tokenizer gives another tokenizer";
        return ATTRIB_OK;
    }
    for (size_t i = 0; i < sizeof pre_tokenizers / sizeof *pre_tokenizers; i++) {
        for (const char *const *one = pre_tokenizers[i].names; *one; one++) {
            if (strcmp(*one, name) == 0) {
                *out = &pre_tokenizers[i];
                return ATTRIB_OK;
            }
        }
    }
    status = at_fail(err, ATTRIB_ENOTSUP,
                     "%s: pre-tokenizer \"%.64s\" is not supported: give the model's "
                     "tokenizer.json by --tokenizer",
                     s->name, name);
done:
    return status;
}

/* A row's splits as tokenizer.json would have them; owned by the caller. */
static attrib_status write_splits(const pre_tokenizer *pre,
                                  json_t **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *steps = json_array();
    json_t *bytes = NULL;
    AT_CHECK(steps, ATTRIB_ENOMEM, "out of memory for a pre-tokenizer");
    for (const char *const *split = pre->splits; *split; split++) {
        json_t *step = json_pack("{ss s{ss} ss}", "type", "Split", "pattern", "Regex",
                                 *split, "behavior", "Isolated");
        AT_CHECK(json_array_append_new(steps, step) == 0, ATTRIB_ENOMEM,
                 "out of memory for a pre-tokenizer");
    }
    bytes = json_pack("{ss sb sb}", "type", "ByteLevel", "add_prefix_space", 0,
                      "use_regex", 0);
    AT_CHECK(json_array_append_new(steps, bytes) == 0, ATTRIB_ENOMEM,
             "out of memory for a pre-tokenizer");
    *out = json_pack("{ss sO}", "type", "Sequence", "pretokenizers", steps);
    AT_CHECK(*out, ATTRIB_ENOMEM, "out of memory for a pre-tokenizer");
done:
    json_decref(steps);
    return status;
}

static attrib_status read_pre_tokenizer(at_gguf_source *s,
                                        const pre_tokenizer *pre,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *stage = NULL;
    AT_TRY(pre->json
               ? at_json_parse("tokenizer", pre->json, strlen(pre->json), &stage, err)
               : write_splits(pre, &stage, err));
    AT_TRY(at_pretokenizer_read(s->name, stage, &s->t->pretokenizer, err));
done:
    json_decref(stage);
    return status;
}

/* 2. Merges */

static attrib_status read_merges(at_gguf_source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_gguf_text *texts = NULL;
    at_merges merges = {0};
    size_t n = 0;
    AT_TRY(at_gguf_texts(s->gguf, AT_GGUF_KEY("merges"), &texts, &n, err));
    AT_TRY(at_merges_begin(s->name, &s->t->bpe, n, &merges, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_merges_add_text(&merges, texts[i].bytes, texts[i].n, err));
    }
    AT_TRY(at_merges_finish(&merges, err));
done:
    free(texts);
    at_merges_free(&merges);
    return status;
}

/* 3. The kind */

attrib_status at_gguf_read_gpt2(at_gguf_source *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const pre_tokenizer *pre = NULL;
    AT_TRY(find_pre_tokenizer(s, &pre, err));
    AT_TRY(read_pre_tokenizer(s, pre, err));
    if (pre->is_composed) {
        AT_TRY(at_gguf_read_normalizer(s, "{\"type\":\"NFC\"}", err));
    }
    AT_TRY(at_gguf_read_decoder(s, "{\"type\":\"ByteLevel\"}", err));
    AT_TRY(at_gguf_add_model_tokens(s, err));
    s->t->bpe = (at_bpe){.vocabulary = &s->t->vocabulary,
                         .words_are_bytes = s->t->pretokenizer.ends_in_bytes,
                         .ignores_merges = pre->ignores_merges};
    AT_TRY(read_merges(s, err));
    s->adds_bos = pre->adds_bos;
done:
    return status;
}
