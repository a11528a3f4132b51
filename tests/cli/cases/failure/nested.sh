# Outputs within inputs and inputs within outputs are refused before any work, whatever links lead there; files for other
# programs may stand in their run. An output that is an input, or holds something else's manifest, is refused too.
cp -r "$ATTRIB_SOURCE/tests/golden/model/gpt2-tied" model
mkdir corpus && for i in 1 2 3; do echo "{\"ids\": [1, $i, 7]}"; done >corpus/c.jsonl
echo '{"ids": [1, 2, 3], "mask": [0, 0, 1]}' >q.jsonl
of=(-q --threads 1 --model model)
attrib fit "${of[@]}" --corpus corpus -o f
attrib index "${of[@]}" --corpus corpus --factors f -o x >/dev/null
score=(attrib score "${of[@]}" --factors f --queries q.jsonl)
"${score[@]}" --corpus corpus -o r >/dev/null
ln -s f link && cp -r f f2 && mkdir outer && cp -r corpus outer && cp q.jsonl outer
before=$(find . | sort)
attrib fit "${of[@]}" --corpus corpus -o corpus/factors
attrib fit "${of[@]}" --corpus . -o new/../g
"${score[@]}" --corpus corpus -o link/run
"${score[@]}" --corpus corpus -o model/run
"${score[@]}" --corpus outer/corpus/c.jsonl -o outer
attrib score -q --threads 1 --model model,model --factors f,f --queries q.jsonl --corpus corpus -o f/run
attrib score -q --threads 1 --index x --queries outer/q.jsonl -o outer/
attrib score -q --threads 1 --index x --queries q.jsonl -o x/run
attrib merge -q f x -o f/inner
attrib rerun -q r -o r/again
attrib ingest -q corpus --model model -o corpus/store
"${score[@]}" --corpus corpus -o link
attrib ingest -q corpus/c.jsonl --model model -o corpus/../corpus/c.jsonl
attrib score -q --threads 1 --index x --queries q.jsonl -o x
"${score[@]}" --corpus corpus -o f2
attrib self "${of[@]}" --factors f --corpus corpus -o x
attrib export r --format csv -o r/manifest.msgpack
cmp f/manifest.msgpack f2/manifest.msgpack && cmp corpus/c.jsonl outer/corpus/c.jsonl
[ "$before" = "$(find . | sort)" ] && echo 'nothing is written'
attrib fit "${of[@]}" --corpus corpus/c.jsonl -o corpus/factors && echo 'a file of the same folder is another matter'
attrib export r -o r/rows.csv && echo 'so are files for other programs'
"${score[@]}" --corpus corpus/c.jsonl -o corpus.run && attrib fit "${of[@]}" --corpus corpus/c.jsonl -o corpus-f
rm -r corpus/factors && attrib fit "${of[@]}" --corpus corpus -o corpus.f && attrib fit "${of[@]}" --corpus corpus -o cor && ls -d cor*
