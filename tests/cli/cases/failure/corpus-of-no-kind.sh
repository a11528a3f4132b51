printf '\0\1\2' >image.png; attrib fit --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus image.png -o f
