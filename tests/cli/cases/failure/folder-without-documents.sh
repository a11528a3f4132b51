mkdir none; attrib fit --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus none -o f
