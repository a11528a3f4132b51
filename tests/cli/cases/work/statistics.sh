# A run ends with what was read and used.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
attrib fit --model "$M" --corpus a.jsonl -o f 2>err
sed -n '/^attrib fit: done/,$p' err | sed -E "s/[0-9.]+/N/g"
# For programs they are numbers, with what was skipped and why.
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
echo '{"text": ' >>a.jsonl
echo '{"text": ""}' >>a.jsonl
attrib score --model "$M" --factors f --corpus a.jsonl --on-bad-row skip --queries q.jsonl -o r \
    --strategy ekfac,identity --query-rank 4 --progress json 2>err >out
python3 - <<'END'
import json

last = json.loads(open("err").read().splitlines()[-1])["statistics"]
for key in ("seconds", "cpu_seconds", "peak_memory", "tracked_share", "largest_error", "largest_bound"):
    value = last.pop(key)
    assert type(value) in (int, float) and value >= 0, key
assert type(last.pop("rescored")) is int
last["skipped"] = {key: n for key, n in last["skipped"].items() if n}
print(json.dumps(last, indent=1))
END
