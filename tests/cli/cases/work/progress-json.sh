# With --progress json every line of standard error is a JSON object; with -q there is none at all. The share of
# the whole never falls and ends at 1, over all stages, passes and slices, and stopped work goes on at its share.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 60 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
head -n 3 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
cat >check.py <<'END'
import json, sys

NUMBERS = {"done": int, "total": int, "seconds": float, "overall": float, "eta_seconds": float,
           "tokens_per_second": float, "memory": int}
lines = [json.loads(line) for line in open(sys.argv[1])]
steps = [line for line in lines if "stage" in line]
assert all(len(line.keys() & {"stage", "log", "statistics"}) == 1 for line in lines)
overall, done, stages = 0, {}, []
for step in steps:
    assert set(step) == {"stage", "unit", *NUMBERS}, step
    for key, kind in NUMBERS.items():
        unknown = step[key] is None and key in ("eta_seconds", "tokens_per_second")
        assert unknown or type(step[key]) is kind and step[key] >= 0, step
    stage = step["stage"]
    assert overall <= step["overall"] <= 1, step
    assert done.get(stage, 0) <= step["done"], step
    assert step["total"] == 0 or step["done"] <= step["total"], step
    overall, done[stage] = step["overall"], step["done"]
    if stage not in stages:
        stages.append(stage)
# The last step is told where all is well; the one before it has come there by itself, but where all is read
# within a fraction of a second.
assert sys.argv[2:] == ["reads"] or steps[-2]["overall"] > 0.98, steps[-2]
assert steps[-1]["overall"] == 1 and steps[-1]["eta_seconds"] == 0, steps[-1]
for stage in stages:
    last = [step for step in steps if step["stage"] == stage][-1]
    # A baseline may report fewer documents than were foreseen, and what is left of its stage is not told.
    done_last = "some" if stage == "hidden" else last["done"]
    print(f"{stage}: {done_last} of {last['total']} {last['unit']}")
rates = [step for step in steps if step["tokens_per_second"]]
kind = sys.argv[2] if len(sys.argv) > 2 else ""
assert rates or kind == "reads"
assert all(step["memory"] > 1e6 for step in steps)
if kind == "reads":
    assert any(0 < step["overall"] < 1 for step in steps), steps
if kind == "resumed":
    first = next(step["overall"] for step in steps if step["stage"] != "read")
    print("goes on after", "0.25" if first > 0.25 else first)
END
attrib fit --model "$M" --corpus a.jsonl -o f --progress json -v 2>err
grep -o '^{"[a-z]*"' err | sort -u
python3 check.py err
attrib fit -q --model "$M" --corpus a.jsonl -o g --progress json
echo "query"
attrib query --model "$M" --corpus a.jsonl Bern --progress json 2>err >out && python3 check.py err
# Stages and passes of tiles of queries, whose queries are cut and prepared again, and a run that goes on.
echo "score"
for i in $(seq 6); do
    sed 's/"id": "/"id": "'"$i"'-/' a.jsonl
done >b.jsonl
score() {
    attrib score --model "$M" --factors f --corpus b.jsonl --queries q.jsonl --query-rank 8 \
        -o "$1" --progress json 2>err >out
}
score r && python3 check.py err
rm r/manifest.msgpack
score r && python3 check.py err resumed
# What a filter and a baseline take belongs to the whole, too.
echo "prefilter and baseline"
attrib score --model "$M" --factors f --corpus b.jsonl --queries q.jsonl --strategy ekfac --baseline hidden \
    -o baselines --progress json 2>err >out && python3 check.py err
attrib score --model "$M" --factors f --corpus b.jsonl --queries q.jsonl --prefilter tfidf:9 -o filtered \
    --progress json 2>err >out && python3 check.py err
echo "self"
attrib self --model "$M" --factors f --corpus b.jsonl --progress json 2>err >out && python3 check.py err
# Where the sizes of files are known, reading moves the whole.
echo "ingest"
for i in $(seq 40); do
    cat b.jsonl
done >c.jsonl
attrib ingest --model "$M" b.jsonl c.jsonl -o store.atc --progress json 2>err && python3 check.py err reads
