echo '{"ids": [1, 70000]}' >c.jsonl; attrib fit --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c.jsonl -o f
