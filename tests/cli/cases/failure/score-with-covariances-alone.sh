head -n 8 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
M=$ATTRIB_SOURCE/corpora/facts-model
attrib fit -q --model "$M" --corpus c.jsonl --stage covariance -o f
attrib query --model "$M" --corpus c.jsonl --factors f p
