touch file; head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
attrib fit -q --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c.jsonl -o file/f
