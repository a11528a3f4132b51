# Covariances and eigenvalues of 2 and of 3 shares of a corpus, merged, count and rank as those of one
# fit do.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 120 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl

# rank FACTORS: documents in order, without their scores
rank() {
    attrib inspect --format json "$1" | grep -o '"tokens":[0-9]*,"sequences":[0-9]*,"seed"'
    attrib score -q --model "$M" --factors "$1" --corpus c.jsonl --queries q.jsonl -o r --top 9 || exit
    attrib export r --format csv | cut -d, -f1,2,4- | tee -a "$1.csv" | wc -l
    rm -r r
}

attrib fit -q --model "$M" --corpus c.jsonl -o whole || exit
rank whole
for n in 2 3; do
    for i in $(seq $n); do
        attrib fit -q --model "$M" --corpus c.jsonl --stage covariance --shard $i/$n -o c$i || exit
    done
    attrib merge -q c? -o basis || exit
    for i in $(seq $n); do
        attrib fit -q --model "$M" --corpus c.jsonl --stage lambda --basis basis --shard $i/$n -o l$i || exit
    done
    attrib merge -q l? -o merged$n || exit
    rank merged$n
    cmp whole.csv merged$n.csv
    rm -r c? l? basis
done
ls
