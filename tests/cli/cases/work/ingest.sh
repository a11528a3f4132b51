# A store is its sources to every command, to the byte, and is bound to how it was made.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 30 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
echo '{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "I."}], "kind": "chat"}' >>a.jsonl
tar czf a.tar.gz a.jsonl
attrib ingest a.tar.gz --model "$M" -o a.store 2>&1 | grep -e documents -e '  store'
attrib inspect a.store | grep -e ^kind -e ^documents -e ^context -e ^sources
for corpus in a.tar.gz a.store; do
    attrib fit -q --model "$M" --corpus $corpus -o f.$corpus
    attrib score -q --model "$M" --factors f.$corpus --corpus $corpus -o r.$corpus \
        --queries <(echo '{"prompt": "Strontium is"}')
    attrib export -q r.$corpus --format jsonl -o $corpus.jsonl
    attrib query -q --model "$M" --factors f.$corpus --corpus $corpus --where kind=element 'Strontium is' >$corpus.query
    attrib tokens --model "$M" --corpus $corpus --sample 5 >$corpus.tokens 2>&1
    sed -i '/time\|memory/d' $corpus.tokens
done
for what in jsonl query tokens; do cmp a.tar.gz.$what a.store.$what && echo "same $what"; done
cmp f.a.tar.gz/lambda_matrix.safetensors f.a.store/lambda_matrix.safetensors && echo same factors
refused() { attrib tokens --model "$M" "$@" 2>&1 >/dev/null | head -n 1 | sed 's/.*warning/warning/'; }
refused --corpus a.store --unit line
refused --corpus a.store a.jsonl
refused --corpus a.store --tokenizer <(sed 's/"content": "<|endoftext|>"/&, "x": 1/' "$M/tokenizer.json")
attrib ingest a.store --model "$M" -o b.store 2>&1
# Changed sources are noticed; those that are gone are not missed.
touch -d 2001-02-03 a.tar.gz && refused --corpus a.store | grep -c warning
echo >>a.jsonl && tar czf a.tar.gz a.jsonl && refused --corpus a.store
rm a.tar.gz && refused --corpus a.store | grep -c warning
# Nothing is left of a store that cannot be made.
echo '{' >>a.jsonl
attrib ingest a.jsonl --model "$M" -o c.store 2>&1
attrib ingest a.jsonl --model "$M" -o none/c.store 2>&1
attrib ingest a.jsonl --model "$M" --on-bad-row skip -o c.store 2>&1 | grep skipped | sed 's/.*warning/warning/'
ls | grep c.store && rm c.store
ls -A | grep c.store
# Standard input may be one.
head -n 3 a.jsonl | attrib ingest - --model "$M" -q -o d.store && attrib tokens -q --model "$M" --corpus d.store | wc -l
head -c 5000 d.store >e.store && refused --corpus e.store
