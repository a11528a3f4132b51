# Covariances and eigenvalues of 2 shares of a corpus, merged, count and rank as those of one fit do.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 60 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
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
for i in 1 2; do
    attrib fit -q --model "$M" --corpus c.jsonl --stage covariance --shard $i/2 -o c$i || exit
done
attrib merge -q c? -o basis || exit
for i in 1 2; do
    attrib fit -q --model "$M" --corpus c.jsonl --stage lambda --basis basis --shard $i/2 -o l$i || exit
done
attrib merge -q l? -o merged || exit
rank merged
cmp whole.csv merged.csv
ls
