head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -q --strategy identity --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c.jsonl --queries q.jsonl -o r
attrib export r --format npz -o /dev/full
