: >empty.jsonl; attrib fit --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus empty.jsonl -o f
