# What a stopped fit left is not gone on with from other documents.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 8 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
mkdir f.partial && touch f.partial/mine
attrib fit -q --model "$M" --corpus c.jsonl -o f
