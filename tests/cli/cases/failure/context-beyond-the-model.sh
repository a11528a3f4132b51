attrib fit --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c --context 1000000 -o f
