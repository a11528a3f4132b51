head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
attrib query -q --strategy identity --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c.jsonl p >/dev/full
