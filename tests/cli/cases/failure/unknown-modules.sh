head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl; attrib fit --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c.jsonl -o f --modules mlp,nothing
