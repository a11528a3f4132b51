# Runs that cannot be added say what differs, and nothing is written.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 20 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
sed 's/was/is/' c.jsonl >d.jsonl
printf '{"id": "a", "prompt": "Bern", "completion": " is"}\n{"id": "b", "prompt": "Bern is"}\n' >q.jsonl
printf '{"id": "a", "prompt": "Bern", "completion": " is"}\n' >p.jsonl
# score CORPUS QUERIES OPTION...
score() {
    attrib score -q --threads 1 --model "$M" --strategy identity --max-new-tokens 12 --corpus "$1" --queries "$2" "${@:3}"
}
score c.jsonl q.jsonl -o a && score d.jsonl q.jsonl -o d && score c.jsonl p.jsonl -o p &&
    score c.jsonl q.jsonl --normalize nats --split kind -o n &&
    score c.jsonl q.jsonl --prefilter tfidf:4 --prefilter-sample 3 -o f || exit
head -n 7 c.jsonl >e.jsonl && score e.jsonl q.jsonl -o e || exit
echo '{"id": "b", "prompt": "Question: What did August von Wassermann do?\nAnswer:"}' >w.jsonl && score c.jsonl w.jsonl -o w || exit
attrib score -q --threads 1 --model "$M/checkpoint-1185" --strategy identity --max-new-tokens 12 --corpus c.jsonl \
    --queries w.jsonl -o v || exit
echo '== other runs'
attrib merge -q a d --mean -o m
attrib merge -q a e --mean -o m
attrib merge -q a p --mean -o m
attrib merge -q w v --mean -o m
attrib merge -q a n --mean -o m
attrib merge -q f f --mean -o m
attrib merge -q a nowhere --mean -o m
attrib merge -q a a --mean -o d
cp -r a damaged
printf x | dd of=damaged/scores-0000-000000.safetensors bs=1 seek=500 conv=notrunc status=none
attrib merge -q a damaged --mean -o m
echo '== command lines'
attrib merge -q a --mean -o m
attrib merge -q a a --weights 1 -o m
attrib merge -q a a --weights 1,0 -o m
attrib merge -q a a --weights 1,nan -o m
attrib merge -q a a --mean --weights 1,1 -o m
attrib merge -q a a --mean --sum -o m
attrib merge -q a a --sum --weights 1,1 -o m
attrib merge -q a --sum -o m
attrib merge -q a a --top 3 -o m
attrib merge -q a a --mean --partial -o m
attrib merge -q c.jsonl a --mean -o m
ls
