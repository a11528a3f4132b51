head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
attrib query --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c.jsonl --factors missing p
