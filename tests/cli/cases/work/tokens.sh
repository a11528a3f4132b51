# What the model sees: ids and masks are those of transformers (tests/golden/chat.json), for
# documents of many sequences too, and of queries as they are asked.
cp -r "$ATTRIB_SOURCE/corpora/facts-model" model && chmod -R u+w model
cat >check.py <<'END'
import json, os, subprocess
golden = json.load(open(os.environ["ATTRIB_SOURCE"] + "/tests/golden/chat.json", encoding="utf-8"))
json.dump(golden["tokenizer"], open("model/tokenizer.json", "w", encoding="utf-8"))
talks = golden["conversations"]
def tokens(rows, *options):
    with open("rows.jsonl", "w", encoding="utf-8") as file:
        for i, row in enumerate(rows):
            file.write(json.dumps({"id": i, "messages": row}) + "\n")
    run = subprocess.run(["attrib", "tokens", "-q", "--model", "model", "--format", "json", *options],
                         capture_output=True, check=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]
n_documents = n_masks = n_queries = 0
for row in golden["templates"]:
    config = {"bos_token": row["bos"], "eos_token": row["eos"], "chat_template": row["template"]}
    json.dump(config, open("model/tokenizer_config.json", "w", encoding="utf-8"))
    kept = [i for i, ids in enumerate(row["ids"]) if ids and talks[i][-1]["role"] == "assistant"]  # else nothing counts
    seen = tokens([talks[i] for i in kept], "--corpus", "rows.jsonl", "--context", "16", "--date", "2024-07-26")
    assert len(seen) == len(kept)
    for i, (one, k) in enumerate(zip(seen, kept)):
        assert one["ids"] == row["ids"][k] and len(one["mask"]) == len(one["ids"]), (row["name"], k)
        assert (one["source"], one["line"]) == ("rows.jsonl", i + 1)
        spans = row["said"][k]
        if spans:
            said = {t for first, end in spans for t in range(first, end)}
            assert one["mask"] == [int(t in said) for t in range(len(one["ids"]))], (row["name"], k)
            n_masks += 1
        n_documents += 1
    asked = [(i, ids) for i, ids in enumerate(row["asked"]) if ids and talks[i][-1]["role"] != "assistant"]
    if asked:
        seen = tokens([talks[i] for i, _ in asked], "--queries", "rows.jsonl", "--date", "2024-07-26")
        for one, (i, ids) in zip(seen, asked, strict=True):
            assert one["ids"] == ids and not any(one["mask"]) and one["line"] is None, (row["name"], i)
            n_queries += 1
print(n_documents, "documents,", n_masks, "masks,", n_queries, "queries")
END
python3 check.py

M=$ATTRIB_SOURCE/corpora/facts-model
printf '%s\n' '{"id": "a", "prompt": "Bern is", "completion": " the\tcapital.\n"}' \
    '{"id": "é", "text": "Zürich \u0001\\"}' '{"ids": [0, 5, 6], "mask": [0, 0, 1]}' >rows.jsonl
attrib tokens -q --model "$M" --corpus rows.jsonl
LC_ALL=C attrib tokens -q --model "$M" --corpus rows.jsonl --max-documents 1
attrib tokens -q --model "$M" --corpus rows.jsonl --max-documents 1 --colour always | cat -v
attrib tokens -q --model "$M" --corpus rows.jsonl --format json
printf '%s\n' '{"prompt": "Bern is"}' '{"prompt": "Bern is", "completion": " the"}' >q.jsonl
attrib tokens -q --model "$M" --queries q.jsonl
attrib tokens -q --model "$M" --queries q.jsonl --max-documents 1 --format json
# A reader that has seen enough is no failure that is told.
attrib tokens -q --model "$M" --corpus "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" | head -n 1 | cut -c 1-60
attrib tokens -q --model "$M" || echo "exit $?"
attrib tokens -q --model "$M" --corpus rows.jsonl --queries q.jsonl || echo "exit $?"
