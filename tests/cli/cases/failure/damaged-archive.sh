head -n 50 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
gzip <a.jsonl | head -c 1000 >cut.jsonl.gz
attrib fit --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus cut.jsonl.gz -o f
