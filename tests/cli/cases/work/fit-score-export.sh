# The batch job from end to end, and what each step leaves.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 40 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 3 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib fit -q --model "$M" --corpus c.jsonl -o f || exit
attrib score -q --model "$M" --factors f --corpus c.jsonl --queries q.jsonl -o r --top 2 || exit
attrib export r --format csv -o r.csv || exit
attrib export r --format csv | cmp - r.csv
attrib export r --format jsonl | wc -l
attrib export r --format npz -o r.npz || exit
attrib export r --format safetensors -o r.safetensors || exit
head -n 1 r.csv
ls
attrib inspect -q f r >/dev/null && attrib inspect --format json f r "$M" c.jsonl | wc -l
# Results depend in their last bits on the kernels of products, which both name.
kernels=$(attrib inspect -v c.jsonl 2>&1 >/dev/null | grep -o 'OpenBLAS.*')
attrib inspect --format json f r | grep -c "\"kernels\":\"$kernels\""
