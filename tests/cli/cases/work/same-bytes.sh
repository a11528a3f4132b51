# Factors and scores have the same bytes with one thread and with two, but for the command line that
# the manifest keeps.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 100 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 5 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
for n in 1 2; do
    attrib fit -q --threads $n --model "$M" --corpus c.jsonl -o f$n || exit
    attrib score -q --threads $n --model "$M" --factors f1 --corpus c.jsonl --queries q.jsonl -o r$n ||
        exit
    attrib export r$n --format npz -o r$n.npz || exit
    attrib export r$n --format jsonl -o r$n.jsonl || exit
done
ls f1 | wc -l
for file in f1/*; do
    [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "f2/${file#*/}"
done
cmp r1.npz r2.npz && cmp r1.jsonl r2.jsonl && echo same
