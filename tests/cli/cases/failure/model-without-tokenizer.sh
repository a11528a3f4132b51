cp -r "$ATTRIB_SOURCE/corpora/facts-model" m
rm m/tokenizer.json
head -n 1 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
attrib query --model m --corpus c.jsonl p
