# needs: tokenizers/gpt2.tokenizer.json
cp -r "$ATTRIB_SOURCE/corpora/facts-model" m
cp "$ATTRIB_ASSETS/tokenizers/gpt2.tokenizer.json" m/tokenizer.json
echo "{\"text\": \"Universitätsbibliothek\"}" >c.jsonl
attrib fit --model m --corpus c.jsonl -o f
