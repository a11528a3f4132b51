attrib fit --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus missing.jsonl -o f
