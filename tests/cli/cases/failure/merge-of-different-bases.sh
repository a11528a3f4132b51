head -n 8 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" | tail -n 1 >d.jsonl
M=$ATTRIB_SOURCE/corpora/facts-model
attrib fit -q --model "$M" --corpus c.jsonl -o c
attrib fit -q --model "$M" --corpus d.jsonl -o d
attrib merge c d -o e
