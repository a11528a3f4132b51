# Shards of baselines merge to the run of one process; what goes by one corpus is refused in others.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 600 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
tail -n 20 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >d.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
score=(attrib score -q --model "$M" --queries q.jsonl --top 3)
both=("${score[@]}" --corpus c.jsonl --baseline "bm25,hidden:0")
"${both[@]}" -o whole || exit
for i in 1 2; do
    "${both[@]}" --shard $i/2 -o s$i || exit
done
attrib merge -q s1 s2 -o merged || exit
for run in whole merged; do
    attrib export $run --format jsonl >$run.jsonl
done
cmp whole.jsonl merged.jsonl
diff -rq whole merged | grep -v manifest # which has the command
"${score[@]}" --corpus d.jsonl --baseline "bm25,hidden:0" -o d && attrib merge whole d -o x
for c in c d; do
    "${score[@]}" --corpus $c.jsonl --baseline hidden:0 -o h$c || exit
done
attrib merge -q hc hd -o h && attrib inspect h | grep -e '^n documents' -e hidden
[ ! -e x ] || echo written
