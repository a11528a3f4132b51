mkdir f; touch f/mine
attrib fit --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c -o f
