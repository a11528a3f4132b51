# A command that is given again after it finished, as a requeued task is, ends well and changes nothing; another one is
# refused, and says what is different. Merges list the rows that could not be read.
cp -r "$ATTRIB_SOURCE/tests/golden/model/gpt2-tied" model
for ((i = 0; i < 1040; i++)); do
    echo "{\"ids\": [1, $((i % 20)), 7]}"
done >c.jsonl
cp c.jsonl d.jsonl
echo '{"ids": ' >>c.jsonl
echo '{"id' >>d.jsonl
echo '{"ids": [1, 2, 3], "mask": [0, 0, 1]}' >q.jsonl
of=(--threads 1 --model model --on-bad-row skip)
c=("${of[@]}" --corpus c.jsonl)
# said: what a command says but for warnings and statistics, without times
said() {
    local code=0
    attrib "$@" >printed 2>log || code=$?
    grep -v -e warning -e '^  ' -e ': done$' log | sed 's/^\[[^]]*\] //' | grep -e nothing -e '^attrib' || true
    [ $code -eq 0 ] || echo "  [$code]"
}
# twice OUTPUT COMMAND...: whether the second leaves all as it was, and what it says
twice() {
    said "${@:2}" -o "$1"
    cp -a "$1" before
    said "${@:2}" -o "$1"
    diff -r before "$1"
    ls -A | grep -e lock -e partial -e tmp
    rm -rf before
}
twice f fit "${c[@]}"
twice s1 fit "${c[@]}" --stage covariance --shard 1/2
twice s2 fit "${c[@]}" --stage covariance --shard 2/2
twice s merge s1 s2
twice m2 merge s1 s2 --shard 2/2
said merge s1 s2 --shard 1/2 -o m1
twice m merge m1 m2
twice l1 fit "${c[@]}" --stage lambda --basis s --shard 1/2
said fit "${c[@]}" --stage lambda --basis s --shard 2/2 -o l2
twice l merge l1 l2
for i in 1 2; do
    twice r$i score "${c[@]}" --factors f --queries q.jsonl --shard $i/2
    twice x$i index "${c[@]}" --factors f --shard $i/2
done
said score "${of[@]}" --corpus d.jsonl --factors f --queries q.jsonl -o rd
twice r merge r1 r2
twice both merge r rd
twice mean merge r r --mean
twice x merge x1 x2
twice p prepare "${c[@]}" --factors f --queries q.jsonl
echo '== lists of rows'
wc -l s/skipped.jsonl m/skipped.jsonl l/skipped.jsonl r/skipped.jsonl both/skipped.jsonl mean/skipped.jsonl \
    x/skipped.jsonl | grep -v total
attrib merge r rd -o both 2>&1 | grep 'bad rows'
echo '== other commands'
said fit "${c[@]}" --seed 2 -o f
said fit "${c[@]}" --modules all -o f
said fit "${c[@]}" --fisher empirical -o f
said fit "${c[@]}" --blocks 2 -o f
said fit "${c[@]}" --eigen-precision f32 -o f
cp -r model other # but for a byte of its last number
printf x | dd of=other/model.safetensors bs=1 seek=$(($(stat -c %s model/model.safetensors) - 4)) conv=notrunc status=none
said fit --model other "${c[@]:0:2}" "${c[@]:4}" -o f
said fit "${of[@]}" --corpus d.jsonl -o f
said fit "${c[@]}" --stage covariance -o f
said fit "${c[@]}" --stage covariance --shard 2/2 -o s1
said fit "${c[@]}" --stage lambda --basis f --shard 1/2 -o l1
said merge s1 --partial -o s
said merge s1 s2 --shard 1/2 -o m2
said merge r1 --partial -o r
said merge r2 --partial -o r
said merge r r --weights 1,2 -o mean
said merge r r --mean --top 3 -o mean
said merge r1 r2 -o f
said merge s1 s2 -o r
said merge x2 x1 -o x
said index "${c[@]}" --factors f --shard 2/2 -o x1
said index "${c[@]}" --factors f --shard 1/2 --damping 1 -o x1
said index "${of[@]}" --corpus d.jsonl --factors f -o x
head -n 1024 c.jsonl >e.jsonl # two pieces of one size
for i in 1 2; do said index "${of[@]}" --corpus e.jsonl --factors f --shard $i/2 -o y$i; done
said merge y1 y2 -o y
said merge y2 y1 -o y
said index "${of[@]}" --corpus e.jsonl --factors f --shard 2/2 -o y1
echo '== several models, and stages'
head -n 6 c.jsonl >few.jsonl && head -n 9 c.jsonl >base.jsonl
models=(score --threads 1 --model model,model --factors f,l --queries q.jsonl --corpus few.jsonl)
twice mm "${models[@]}"
said "${models[@]}" --checkpoint-weights=-1,1 -o mm
said "${models[@]}" --checkpoint-weights=1,2 -o mm
said "${models[@]}" --top 2 -o mm
said "${models[@]}" base.jsonl -o mm
shard=("${models[@]}") && shard[10]=c2.jsonl && head -n 1040 c.jsonl >c2.jsonl
twice ms "${shard[@]}" --shard 1/2
said "${shard[@]}" --shard 2/2 -o ms
models[4]=model,model,model models[6]=f,l,f
said "${models[@]}" -o mm
stages=(score --threads 1 --model model --factors f --queries q.jsonl --corpus few.jsonl --base-model model
    --base-factors l --base-corpus)
twice two "${stages[@]}" base.jsonl
said "${stages[@]}" few.jsonl -o two
head -n 8 c.jsonl >base.jsonl
said "${stages[@]}" base.jsonl -o two
# What was left where a process was killed at its very end is removed.
mkdir mm.checkpoints two.stages
echo x | tee f.lock >r.lock
said fit "${c[@]}" -o f
said merge r1 r2 -o r
ls -A | grep lock
models[4]=model,model models[6]=f,l
said "${models[@]}" -o mm
head -n 9 c.jsonl >base.jsonl
said "${stages[@]}" base.jsonl -o two
ls -A | grep -e checkpoints -e 'stages$' || echo 'nothing is left'
echo '== a file is missing'
rm l/lambda_matrix.safetensors
said merge l1 l2 -o l
