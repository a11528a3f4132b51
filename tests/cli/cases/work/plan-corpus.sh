# A plan counts a corpus and measures this machine.
model=$ATTRIB_SOURCE/corpora/facts-model
head -n 30 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
attrib plan --quiet --model "$model" --corpus c.jsonl --queries 2 | sed -n '/^Fitted/,/^Queries/p'
attrib plan --quiet --model "$model" --corpus c.jsonl --queries 2 --fit-documents 0 \
    --format json >plan.json
python3 - plan.json <<'END'
import json, sys
plan = json.load(open(sys.argv[1]))
print([stage["name"] for stage in plan["stages"]])
print(all(stage[key] > 0 for stage in plan["stages"] for key in ("flop", "seconds", "memory_bytes")))
print(plan["machine"]["flops"] > 0, plan["machine"]["ram_bytes"] > 0)
END
