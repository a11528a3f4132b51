head -n 8 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
attrib fit -q --threads 1 --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c.jsonl -o f --ram-limit 10M
code=$?
ls
exit $code
