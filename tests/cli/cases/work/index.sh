# An index answers questions as a pass over all documents does, goes on where it was killed, and is merged of shards.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 600 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
attrib fit -q --model "$M" --corpus a.jsonl -o f
index() { attrib index -q --model "$M" --factors f --corpus a.jsonl --bytes-per-document 4K "$@"; }
index -o whole
[ ! -e whole/begun.msgpack ] && echo finished
for i in 1 2; do index --shard $i/2 -o part-$i >/dev/null; done
attrib merge -q part-1 part-2 -o merged
for piece in whole/piece-*; do cmp "$piece" "merged/${piece#*/}" && echo same; done
# A merge that was killed is done again, whatever it has left; what was begun otherwise, or is no index, is refused.
leave() {
    mkdir half && cp merged/index.msgpack half/begun.msgpack && cp merged/piece-000001 half/piece-000000
    echo x >half/piece-000007
}
leave && attrib merge -q part-1 part-2 -o half && diff -r --exclude index.msgpack half merged && echo done again
rm -r half && leave && index -o half 2>&1
cp whole/index.msgpack half/begun.msgpack && attrib merge -q part-1 part-2 -o half 2>&1
rm half/begun.msgpack half/piece-000000 && attrib merge -q part-1 part-2 -o half 2>&1
ls half
attrib merge part-1 part-2 -o merged 2>&1 | sed "s/.*merged:/merged:/;/^attrib/,\$d"
attrib inspect merged | grep -o "^command .*attrib merge" | sed "s,/.*/,,"
attrib merge -q part-2 part-1 -o merged 2>&1
attrib merge -q part-1 part-2 ./part-1 -o twice 2>&1
# Killed wherever it is, it goes on.
for seconds in 0.2 1 2; do
    { timeout --foreground -s KILL $seconds attrib index -q --model "$M" --factors f --corpus a.jsonl --bytes-per-document 4K \
        -o killed || true; } >/dev/null 2>&1
done
index -o killed >/dev/null
for piece in whole/piece-*; do cmp "$piece" "killed/${piece#*/}" && echo same; done
attrib inspect whole | grep -e ^kind -e ^'n documents' -e ^documents -e ^bytes
# The first by the index is the first of all.
first() { attrib query -q "$@" --top 1 'Strontium is a soft' | grep -e Scores -e '^ *1 '; }
first --index whole --exact 20 | sed -e 's/ [^ ]*a.jsonl/ a.jsonl/' -e 's/+[0-9.]* //'
first --model "$M" --factors f --corpus a.jsonl | sed -e 's/+[0-9.]* //'
first --index whole --where kind=element | grep -o '[0-9]* of [0-9]* documents'
echo '{"prompt": "Strontium is"}' >q.jsonl
attrib score -q --index whole --queries q.jsonl --exact 7 --prefilter-sample 50 -o run
attrib show run --format json | grep -o '"prefilter":"[^"]*","n_scored":[0-9]*,"n_sampled":[0-9]*'
# A batch scores more of them than an answer that is waited for.
attrib score -q --index whole --queries q.jsonl -o batch && attrib show batch | grep -o '[0-9]* of [0-9]* documents'
# What does not fit is refused.
fails() { "$@" 2>&1 >/dev/null | head -n 1; }
head -n 2 "$ATTRIB_SOURCE/corpora/facts/instructions.jsonl" >b.jsonl
fails attrib query -q --index whole --corpus b.jsonl x | sed 's/ in the index:.*//'
fails attrib query -q --index f x
fails attrib query -q --index whole --prefilter tfidf:3 x
fails attrib query -q --model "$M" --corpus a.jsonl --exact 3 x
fails attrib query -q --model "$M" --corpus a.jsonl --prefilter index:3 --factors f x
fails attrib query -q --index whole --exact 3 --top 4 x
fails index -o whole
fails index -o whole --damping 1
fails index -o part-1 --shard 2/2
fails attrib index -q --model "$M" --factors f --corpus a.jsonl --bytes-per-document 10 -o small
[ ! -e small ] && echo nothing of it
