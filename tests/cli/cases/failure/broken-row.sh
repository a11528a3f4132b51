printf '{"text": "a"}\n{"text": \n' >c.jsonl; attrib fit --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c.jsonl -o f
