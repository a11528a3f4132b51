# Shards that are missing, doubled, of another run or damaged are named, with what is different; nothing is
# written. A shard is given what another one, or attrib prepare, chose.
M=$ATTRIB_SOURCE/corpora/facts-model
seq 2000 | sed 's/.*/{"id": "d&", "text": "Bern is"}/' >c.jsonl
head -n 1 c.jsonl >d.jsonl
printf '{"id": "a", "prompt": "Bern", "completion": " is"}\n{"id": "b", "prompt": "Bern is"}\n' >q.jsonl
printf '{"id": "a", "prompt": "Bern", "completion": " is"}\n{"id": "b", "prompt": "Rome is"}\n' >p.jsonl
score() {
    attrib score -q --model "$M" --strategy identity --corpus c.jsonl --queries q.jsonl "$@"
}
for i in 1 2 3 4; do
    score --max-new-tokens 2 --shard $i/4 -o s$i
done
echo '== refused merges'
attrib merge -q s1 s3 s4 -o m
attrib merge -q s2 s4 -o m
attrib merge -q s1 s2 s2 s3 s4 -o m
score --max-new-tokens 2 --shard 1/2 -o half
attrib merge -q s1 s2 half s3 -o m
attrib merge -q s4 half -o m
score --max-new-tokens 2 --shard 2/4 --top 3 --normalize nats -o other
attrib merge -q s1 other s3 s4 -o m
attrib score -q --model "$M" --strategy identity --corpus c.jsonl --queries p.jsonl --max-new-tokens 2 -o names
attrib merge -q s1 names -o m
attrib merge -q s1 nowhere -o m
attrib merge -q s1 s2 s3 --stage lambda -o m
mkdir full && touch full/x
attrib merge -q s1 s2 s3 s4 -o full
cp -r s3 damaged
printf x | dd of=damaged/scores-0000-000000.safetensors bs=1 seek=1500 conv=notrunc status=none
attrib merge -q s1 s2 damaged s4 -o m
[ ! -e m ] && [ ! -e m.partial ] && echo nothing is written
echo '== merges'
attrib merge -q s1 s3 --partial -o part
attrib merge -q s4 part s2 -o m && attrib inspect m | grep -i documents
score --max-new-tokens 2 -o one
for file in answers prepared; do
    cmp one/$file.msgpack m/$file.msgpack
done
cmp one/scores-0000-000000.safetensors m/scores-0000-000000.safetensors && echo same
ls
echo '== other corpora'
seq 700 | sed 's/.*/{"id": "e&", "text": "Rome is & far"}/' >e.jsonl
attrib score -q --model "$M" --strategy identity --corpus e.jsonl --queries q.jsonl --max-new-tokens 2 -o new
attrib merge -q new one -o both && attrib inspect both | grep -i documents
attrib merge -q s2 new s1 s3 s4 -o more && attrib show more --query b --top 1 | grep -c jsonl
attrib export -q more -o more.jsonl && attrib export -q both -o both.jsonl
attrib merge -q both new -o twice
echo '== a shard of fewer documents than are reported'
{ head -n 512 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" && head -n 8 c.jsonl; } >f.jsonl
few() {
    attrib score -q --model "$M" --strategy identity --corpus f.jsonl --queries q.jsonl --max-new-tokens 2 "$@"
}
few -o few && few --shard 1/2 -o few-1 && few --shard 2/2 -o few-2
attrib merge -q few-2 few-1 -o few-all && cmp few/answers.msgpack few-all/answers.msgpack &&
    cmp few/explained.msgpack few-all/explained.msgpack && echo same
attrib export few -o few.jsonl && grep -o '"rank": *5[12][0-9]' few.jsonl | sort -u | wc -l
echo '== preparations'
score --max-new-tokens 2 --shard 1/4 --prepared m -o s1 # goes on
score --shard 5/4 -o s5
score --max-new-tokens 2 --shard 1/5 -o s5
score --shard 1/4 --prepared c.jsonl -o s5
score --max-new-tokens 2 --shard 1/4 --prepared s1 --top 2 -o s5
score --shard 1/4 --prepared s1 --max-new-tokens 3 -o s5
score --max-new-tokens 2 --shard 2/4 -o s1
attrib score -q --model "$M" --strategy identity --corpus d.jsonl --queries q.jsonl \
    --max-new-tokens 2 --prepared s1 -o s5
attrib prepare -q --model "$M" --strategy identity --corpus c.jsonl --queries q.jsonl -o prepared && ls prepared
attrib show prepared
