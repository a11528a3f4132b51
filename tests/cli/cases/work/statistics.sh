# A run ends with what was read and used.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
attrib fit --model "$M" --corpus a.jsonl -o f 2>err
sed -n '/^attrib fit: done/,$p' err | sed -E "s/[0-9.]+/N/g"
