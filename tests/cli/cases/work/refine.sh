# Queries refined by the Gauss-Newton matrix: what is said of them, shards and restarts, and what is refused.
M=$ATTRIB_SOURCE/corpora/facts-bank/model
head -n 24 "$ATTRIB_SOURCE/corpora/facts-bank/documents.jsonl" >c.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts-bank/queries.jsonl" >q.jsonl
attrib fit -q --model "$M" --corpus c.jsonl -o f || exit
score=(attrib score -q --model "$M" --factors f --corpus c.jsonl --queries q.jsonl --top 1)
"${score[@]}" --refine cg --refine-documents 12 --refine-steps 40 --refine-damping 100 -o r || exit
attrib show r --top 1 | grep -c 'ekfac, damping 100 x mean(Lambda), refined by cg to a residual of 0.00'
attrib export r --format jsonl | grep -o -e '"refine":"cg","refine_steps":40,"residual":0.00' -e '"refine_documents":12' | sort | uniq -c
"${score[@]}" --refine cg --refine-documents 12 --refine-steps 40 --refine-damping 100 --threads 1 -o s
attrib export r --format csv --all >r.csv && attrib export s --format csv --all | cmp - r.csv
"${score[@]}" --scale gauss-newton --refine-documents 12 -o t
attrib show t --top 1 | grep -c 'times its Gauss-Newton scale'
attrib score --model "$M" --factors f --corpus c.jsonl --queries q.jsonl --top 1 --refine cg --refine-steps 1 \
    --refine-documents 12 -o u 2>&1 | grep -c 'cg did not converge in 1 steps for 2 of 2 queries'
"${score[@]}" --refine cg --query-rank 4 -o x
"${score[@]}" --refine lissa --normalize unit -o x
"${score[@]}" --scale gauss-newton --strategy kfac -o x
"${score[@]}" --refine newton -o x
"${score[@]}" --refine-damping 10 -o x
"${score[@]}" --scale gauss-newton --refine-steps 5 -o x
"${score[@]}" --refine-documents 12 -o x
"${score[@]}" --refine cg --refine-steps 30 --refine-documents 12 --refine-damping 100 -o r
attrib query -q --model "$M" --factors f --corpus c.jsonl --top 1 --refine cg --refine-documents 12 --refine-damping 1000 \
    --completion ' a' 'The' | grep -c 'refined by cg'
[ ! -e x ] || echo written
