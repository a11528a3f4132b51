# A run is made again from its manifest, from whatever folder, to the same bytes; what is missing or another is said.
M=$ATTRIB_SOURCE/corpora/facts-model
mkdir 'a job' && cd 'a job' || exit
head -n 40 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
printf '%s\n' '{"prompt": "a", "completion": " b"}' '{"prompt": "c", "completion": " d"}' >q.jsonl
attrib fit -q --model "$M" --corpus a.jsonl -o f
attrib score -q --model "$M" --factors f --corpus a.jsonl --queries q.jsonl --top 3 --query-rank 8 --output=run
cd .. || exit
(cd / && attrib rerun -q "$OLDPWD/a job/run/" -o "$OLDPWD/new" --threads 1) | sed "s|$PWD|HERE|"
# A prompt with quotes, spaces and a newline is read back.
attrib query -q --model "$M" --factors 'a job/f' --corpus 'a job/a.jsonl' $'It\'s "so"\nand  so \\ ' --completion ' x' -o 'a query' >one
attrib rerun -q 'a query' >two
tail -n 1 two | sed "s|$PWD|HERE|"
head -n -1 two | cmp - one
# Texts that look like --output stay what they are.
attrib query -q --model "$M" --strategy identity --corpus 'a job/a.jsonl' --completion -output -o dashes -- -o >one
attrib rerun -q dashes >two
tail -n 1 two | sed "s|$PWD|HERE|"
head -n -1 two | cmp - one && attrib inspect dashes.rerun | grep -o -e '--completion.*' | sed "s|$PWD|HERE|"
attrib self -q --model "$M" --factors 'a job/f' --corpus 'a job/a.jsonl' -o selves >one
attrib rerun -q selves | tail -n 1 | sed "s|$PWD|HERE|"
attrib rerun -q selves -o selves 2>&1 | sed "s|$PWD|HERE|"
refused() {
    attrib rerun -q 'a job/run' -o no 2>&1 | sed -E "s|$PWD|HERE|; s/[0-9a-f]{32}/HASH/g"
    [ ! -e no ] || echo "no was written"
}
mv 'a job/q.jsonl' q.jsonl
refused
mv q.jsonl 'a job' && sed -i 's/ the / teh /' 'a job/a.jsonl'
refused
rm -r 'a job/f' && cp "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" all.jsonl && head -n 40 all.jsonl >'a job/a.jsonl'
attrib fit -q --model "$M" --corpus 'a job/a.jsonl' --seed 1 -o 'a job/f'
refused
mv 'a job/run' run && mv 'a job' 'another job'
attrib rerun -q run -o no 2>&1 | sed "s|$PWD|HERE|"
cat q.jsonl 2>/dev/null 'another job/q.jsonl' |
    attrib score -q --model "$M" --strategy identity --corpus all.jsonl --max-documents 9 --queries - -o piped
attrib rerun -q piped 2>&1 | sed "s|$PWD|HERE|"
# Queries that are others now give other results, and that is said.
attrib score -q --model "$M" --strategy identity --corpus all.jsonl --max-documents 9 \
    --queries 'another job/q.jsonl' -o other
sed -i 's/ d"/ e"/' 'another job/q.jsonl'
attrib rerun other 2>&1 | sed "s|$PWD|HERE|; s/^.attrib rerun .*MiB. //" | grep same
