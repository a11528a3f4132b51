head -n 30 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
M=$ATTRIB_SOURCE/corpora/facts-model
attrib fit -q --model "$M" --corpus c.jsonl --stage covariance --shard 1/2 -o a
attrib fit -q --model "$M" --corpus c.jsonl --stage covariance -o b
attrib merge a b -o c
