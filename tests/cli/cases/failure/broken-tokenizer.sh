cp -r "$ATTRIB_SOURCE/corpora/facts-model" m
echo "{" >m/tokenizer.json
attrib fit --model m --corpus c -o f
