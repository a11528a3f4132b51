head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
echo "{\"prompt\": 7}" >q.jsonl
attrib score --strategy identity --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c.jsonl --queries q.jsonl -o r
