head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 4 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >d.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
M=$ATTRIB_SOURCE/corpora/facts-model
attrib score -q --strategy identity --model "$M" --corpus c.jsonl --queries q.jsonl -o r
attrib score -q --strategy identity --model "$M" --corpus d.jsonl --queries q.jsonl -o r
attrib score -q --strategy identity --model "$M" --corpus c.jsonl --queries q.jsonl -o r --normalize nats
