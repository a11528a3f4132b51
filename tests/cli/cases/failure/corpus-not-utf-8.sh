printf 'a\377b' >text.txt; attrib fit --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus text.txt -o f
