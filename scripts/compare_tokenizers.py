# SPDX-License-Identifier: MIT
"""Compare ids with Hugging Face's `tokenizers` and with SentencePiece (see compare-tokenizers).

Texts come from a seeded generator: sentences of many scripts, emoji, white space, marks, code, and
bytes read as UTF-8. Tokenizers are the real ones of $ATTRIB_ASSETS (passed over where it is absent)
with their own pattern and with those of other models, and ones trained here on the texts themselves;
each as tokenizer.json, and where GGUF has its kind also as a GGUF file's metadata (gguf-...).
"""
import argparse
import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and the dog doesn't mind at all.",
    "Antoine Lavoisier was a French chemist who was born in Paris in 1743 and died in 1794.",
    "She said, \"I'll be there at 10:30!\" but they've been waiting since 9 o'clock. WE'LL SEE.",
    "for (size_t i = 0; i < n; i++) {\n    total += values[i] * weights[i];\n}\n",
    "def f(x):\n\treturn {'a': x ** 2, \"b\": [1.5e-3, 0xFF]}  # comment\r\n\r\n",
    "Les élèves déjà âgés préfèrent le café; über die Brücke fährt ein Zug nach Köln.",
    "中文和日本語とかなカナ、한국어 문장도 있습니다。Привет, мир! Γειά σου, Κόσμε.",
    "مرحبا بالعالم، كيف حالك؟ שלום עולם हिन्दी में एक वाक्य। ภาษาไทยไม่มีช่องว่าง தமிழ்",
    "A tokenizer turns text into numbers: 0 1 2 3 10 100 1000 12345 3.14159 2024-05-17.",
    "👍🏽 👨‍👩‍👧 🇩🇪🇫🇷 ❤️ 🏳️‍🌈 e\u0301\u0316 ﬁ ½ ² Ⅷ ① ㎏ ｱｲｳ Å Å İ ß ς",
]
SPACES = [" ", "  ", "   ", "    ", "\t", "\n", "\n\n", "\r\n", "\u00a0", "\u3000", "\u2028", "\u0085",
          "\u200b", "\ufeff", "\u2003", "\x0b", "\x0c", "\x1c"]
PARTS = SPACES + [
    "'s", "'LL", "'ve", "...", "?!", "(", ")", "_", "-", "—", "é", "e\u0301", "½", "Ⅷ", "١٢", "१२", "𝟘",
    "한", "\u1112\u1161\u11ab", "👍🏽", "👨\u200d👩\u200d👧", "\u0301", "▁", "Ġ", "<s>", "</s>", "<unk>", "<0x0A>",
    "<|endoftext|>", "\x00", "\x7f", "$", "€", "«", "1", "12", "123", "1234", "a", "A", "the", " The", "ﬃ",
    "\u0958", "\u094d", "क", "ｶﾞ", "㈱", "\u00ad", "\ufffd", "\U000e0001", "𠜎", "ǅ", "\u08d3", "\u1ac0",
    "\u32ff", "\U0001fbf7", "\U00010781",
]


def make_text(generator):
    kind = generator.random()
    if kind < 0.35:
        sentence = generator.choice(SENTENCES)
        start = generator.randrange(len(sentence))
        return sentence[start:start + generator.randrange(1, 80)]
    if kind < 0.7:
        pool = PARTS if generator.random() < 0.6 else PARTS + sum((s.split() for s in SENTENCES), [])
        return "".join(generator.choice(pool) for _ in range(generator.randrange(1, 12)))
    if kind < 0.78:
        return "".join(generator.choice(SPACES) for _ in range(generator.randrange(1, 12)))
    if kind < 0.9:
        # Newer characters have classes that differ with the version of Unicode on either side.
        text = ""
        while len(text) < generator.randrange(1, 20):
            character = chr(generator.randrange(generator.choice([0x80, 0x800, 0x10000, 0x20000])))
            if unicodedata.category(character) not in ("Cn", "Cs", "Co"):
                text += character
        return text
    n = generator.randrange(1, 40)
    return bytes(generator.randrange(256) for _ in range(n)).decode("utf-8", "replace")


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def byte_level(uses_regex, adds_space=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=adds_space, use_regex=uses_regex)


def with_pattern(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    return pre_tokenizers.Sequence([split, byte_level(False)])


def smollm():
    digits = pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Sequence([digits, byte_level(True)])


def falcon():
    return pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), byte_level(True), pre_tokenizers.Digits(False),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")])


# The pre-tokenizers that models put before byte-level BPE.
PATTERNS = {
    "gpt2": lambda: byte_level(True),
    "llama3": lambda: with_pattern(LLAMA3), "qwen2": lambda: with_pattern(QWEN2),
    "tekken": lambda: with_pattern(TEKKEN), "gpt4o": lambda: with_pattern(GPT4O),
    "smollm-starcoder": smollm, "falcon": falcon,
    "prefixed": lambda: byte_level(True, True),
}


def asset(name):
    root = os.environ.get("ATTRIB_ASSETS")
    path = Path(root) / name if root else None
    return path if path and path.exists() else None


def real_tokenizers():
    for name, path in (("gpt2", "tokenizers/gpt2.tokenizer.json"),
                       ("neox", "tokenizers/neox-20B.tokenizer.json"),
                       ("phi3", "tokenizers/phi-3-mini.tokenizer.json"),
                       ("tok512", "models/stories260K/hf/tokenizer.json")):
        if asset(path):
            yield name, lambda path=path: Tokenizer.from_file(str(asset(path)))
        else:
            print(f"{name}: no assets, passed over", file=sys.stderr)


def patterned(make_pre_tokenizer, texts, normalizer=None, ignore_merges=False):
    """GPT-2's vocabulary, or one trained here, behind another model's pre-tokenizer."""
    path = asset("tokenizers/gpt2.tokenizer.json")
    if path:
        tokenizer = Tokenizer.from_file(str(path))
    else:
        tokenizer = Tokenizer(models.BPE())
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer = trainers.BpeTrainer(vocab_size=2000, show_progress=False, initial_alphabet=alphabet)
        tokenizer.pre_tokenizer = byte_level(True)
        tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = make_pre_tokenizer()
    if normalizer:
        tokenizer.normalizer = normalizer
    if ignore_merges:
        state = json.loads(tokenizer.to_str())
        state["model"]["ignore_merges"] = True
        tokenizer = Tokenizer.from_str(json.dumps(state))
    return tokenizer


def train_sentencepiece(texts, **options):
    out = io.BytesIO()
    lines = [text for text in texts if "\x00" not in text and len(text.encode()) < 4000]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=out, minloglevel=2, num_threads=1,
        input_sentence_size=0, **options)
    return sentencepiece.SentencePieceProcessor(model_proto=out.getvalue()), out.getvalue()


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def proto_fields(data):
    """(number, value) of a protocol buffer message: bytes, or integers."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        elif key & 7 == 2:
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = {1: 8, 5: 4}[key & 7]
            value, at = data[at:at + size], at + size
        yield key >> 3, value


def charsmap_of(proto):
    """normalizer_spec (3) . precompiled_charsmap (2) of a SentencePiece model."""
    spec = dict(proto_fields(proto))[3]
    return dict(proto_fields(spec)).get(2, b"")


def unigram(texts, fallback, scheme="always", splits=True):
    """A SentencePiece unigram model as Hugging Face's converter writes it (T5, XLM-R, ...)."""
    processor, proto = train_sentencepiece(
        texts, model_type="unigram", vocab_size=1500, byte_fallback=fallback,
        character_coverage=0.98, hard_vocab_limit=False)
    vocab = [(processor.id_to_piece(i), processor.get_score(i)) for i in range(len(processor))]
    tokenizer = Tokenizer(models.Unigram(vocab, processor.unk_id(), fallback))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(charsmap_of(proto)), normalizers.Replace(Regex(" {2,}"), "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=splits)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    return tokenizer


NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


def gguf_value(value):
    """A value of a GGUF file's metadata with its type: text, bool, u32, or an array of f32, i32 or text."""
    def text(string):
        data = string.encode()
        return struct.pack("<Q", len(data)) + data
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    head = struct.pack("<I", 9)
    if isinstance(value[0], str):
        return head + struct.pack("<IQ", 8, len(value)) + b"".join(map(text, value))
    kind, letter = (6, "f") if isinstance(value[0], float) else (5, "i")
    return head + struct.pack(f"<IQ{len(value)}{letter}", kind, len(value), *value)


def write_gguf(path, values):
    out = b"GGUF" + struct.pack("<IQQ", 3, 0, len(values))
    for key, value in values.items():
        data = f"tokenizer.{key}".encode()
        out += struct.pack("<Q", len(data)) + data + gguf_value(value)
    Path(path).write_bytes(out + b"\0" * (-len(out) % 32))


class GgufBpe:
    """A byte-level tokenizer of Hugging Face's as a GGUF file."""

    def __init__(self, tokenizer, pre):
        self.tokenizer, self.pre = tokenizer, pre

    def encode(self, texts):
        return [row.ids for row in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def write(self, folder):
        state = json.loads(self.tokenizer.to_str())
        tokens = {id: (text, NORMAL) for text, id in state["model"]["vocab"].items()}
        for token in state["added_tokens"]:
            tokens[token["id"]] = (token["content"], CONTROL if token["special"] else USER_DEFINED)
        rows = [tokens.get(id, (f"[PAD{id}]", UNUSED)) for id in range(max(tokens) + 1)]
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in state["model"]["merges"]]
        write_gguf(Path(folder) / "t.gguf", {
            "ggml.model": "gpt2", "ggml.pre": self.pre, "ggml.tokens": [text for text, _ in rows],
            "ggml.token_type": [kind for _, kind in rows], "ggml.merges": merges})
        return Path(folder) / "t.gguf"


class GgufSentencePiece:
    """A BPE model of SentencePiece's as a GGUF file, against SentencePiece itself."""

    def __init__(self, texts, adds_space):
        self.adds_space = adds_space
        self.processor, _ = train_sentencepiece(
            texts, model_type="bpe", vocab_size=2500, byte_fallback=True, character_coverage=0.98,
            normalization_rule_name="identity", remove_extra_whitespaces=False,
            add_dummy_prefix=adds_space, hard_vocab_limit=False)

    def encode(self, texts):
        # SentencePiece takes a special token that is spelled out for plain text; here it is that token.
        return [self.encode_parts(text) for text in texts]

    def encode_parts(self, text):
        ids = []
        for part in re.split("(<unk>|<s>|</s>)", text):
            special = part in ("<unk>", "<s>", "</s>")
            ids += [self.processor.piece_to_id(part)] if special else self.processor.encode(part) if part else []
        return ids

    def write(self, folder):
        p = self.processor
        kinds = [BYTE if p.is_byte(i) else CONTROL if p.is_control(i) else UNKNOWN if p.is_unknown(i)
                 else UNUSED if p.is_unused(i) else NORMAL for i in range(len(p))]
        write_gguf(Path(folder) / "t.gguf", {
            "ggml.model": "llama", "ggml.tokens": [p.id_to_piece(i) for i in range(len(p))],
            "ggml.scores": [float(p.get_score(i)) for i in range(len(p))], "ggml.token_type": kinds,
            "ggml.unknown_token_id": p.unk_id(), "ggml.add_space_prefix": self.adds_space})
        return Path(folder) / "t.gguf"


class HuggingFace:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def encode(self, texts):
        return [row.ids for row in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def write(self, folder):
        path = Path(folder) / "tokenizer.json"
        path.write_text(self.tokenizer.to_str(), encoding="utf-8")
        return path


def gguf_tokenizers(texts):
    nfc = normalizers.NFC()
    for pre, pattern, normalizer, ignore_merges in (
            ("gpt-2", "gpt2", None, False), ("mpt", "gpt2", nfc, False), ("llama-bpe", "llama3", None, True),
            ("dbrx", "llama3", None, False), ("qwen2", "qwen2", nfc, False), ("tekken", "tekken", None, True),
            ("gpt-4o", "gpt4o", None, False), ("smollm", "smollm-starcoder", None, False),
            ("falcon", "falcon", None, False)):
        yield f"gguf-{pre}", lambda pre=pre, pattern=pattern, normalizer=normalizer, \
            ignore_merges=ignore_merges: GgufBpe(
                patterned(PATTERNS[pattern], texts, normalizer, ignore_merges), pre)
    yield "gguf-llama", lambda: GgufSentencePiece(texts, True)
    yield "gguf-llama-bare", lambda: GgufSentencePiece(texts, False)


def all_tokenizers(texts):
    for name, make in json_tokenizers(texts):
        yield name, lambda make=make: HuggingFace(make())
    yield from gguf_tokenizers(texts)


def json_tokenizers(texts):
    yield from real_tokenizers()
    for name, make in PATTERNS.items():
        yield name, lambda make=make: patterned(make, texts)
    yield "nfc", lambda: patterned(PATTERNS["qwen2"], texts, normalizers.NFC())
    yield "nfkc", lambda: patterned(PATTERNS["llama3"], texts, normalizers.NFKC(), True)
    yield "unigram", lambda: unigram(texts, False)
    yield "unigram-fallback", lambda: unigram(texts, True, "first")
    yield "unigram-whole", lambda: unigram(texts, True, "never", False)


def our_ids(program, path, texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    result = subprocess.run([program, str(path)], input=lines, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{path}: {result.stderr.strip()}")
    return [[int(word) for word in line.split()] for line in result.stdout.splitlines()]


def compare(program, name, tokenizer, texts, folder):
    path = tokenizer.write(folder)
    theirs = tokenizer.encode(texts)
    ours = our_ids(program, path, texts)
    bad = [i for i in range(len(texts)) if ours[i] != theirs[i]]
    tokens = sum(map(len, theirs))
    print(f"{name}: {len(texts)} texts, {tokens} ids, {len(bad)} texts differ", flush=True)
    for i in bad[:5]:
        print(f"  {texts[i]!r}\n    ours   {ours[i]}\n    theirs {theirs[i]}")
    return len(bad)


def write_seeds(folder):
    """Small GGUF files of both kinds, for the fuzz target gguf_tokenizer."""
    tokens = ["<unk>", "<s>", "</s>", "<0x41>", "a", "b", "▁", "ab", "▁ab", "[user]", "\u0120", "The"]
    kinds = [UNKNOWN, CONTROL, CONTROL, BYTE] + [NORMAL] * 5 + [USER_DEFINED, NORMAL, UNUSED]
    ends = {"ggml.bos_token_id": 1, "ggml.eos_token_id": 2, "ggml.unknown_token_id": 0,
            "ggml.padding_token_id": 2**32 - 1, "ggml.add_bos_token": True, "ggml.add_eos_token": True}
    llama = {"ggml.model": "llama", "ggml.tokens": tokens, "ggml.token_type": kinds,
             "ggml.scores": [-float(i) for i in range(len(tokens))]}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_gguf(folder / "llama", {**llama, **ends, "ggml.add_space_prefix": False})
    write_gguf(folder / "llama-chat", {**llama, **ends, "chat_template":
                                       "{% for m in messages %}{{ m.content + eos_token }}{% endfor %}"})
    for pre in ("gpt-2", "mpt", "llama-bpe", "dbrx", "qwen2", "tekken", "gpt-4o", "smollm", "falcon", "none"):
        write_gguf(folder / f"gpt2-{pre}", {
            "ggml.model": "gpt2", "ggml.pre": pre, "ggml.tokens": tokens, "ggml.token_type": kinds,
            "ggml.merges": ["a b"], **ends})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="encode_lines, built")
    parser.add_argument("--seeds", metavar="FOLDER", help="write seeds for a fuzz target, and no more")
    parser.add_argument("names", nargs="*", help="tokenizers; all where none is named")
    parser.add_argument("--texts", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_intermixed_args()
    if arguments.seeds:
        return write_seeds(arguments.seeds)
    generator = random.Random(arguments.seed)
    texts = [make_text(generator) for _ in range(arguments.texts)]
    n_bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, make in all_tokenizers(texts):
            if not arguments.names or name in arguments.names:
                n_bad += compare(arguments.program, name, make(), texts, folder)
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
