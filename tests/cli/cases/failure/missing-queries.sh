head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
attrib score --strategy identity --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c.jsonl --queries missing -o r
