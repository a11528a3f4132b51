# shellcheck shell=bash
# A fit as a job of Slurm: its scripts, run in their order by a stand-in for sbatch, make the bytes of one
# fit; a task that is stopped at its time limit is queued again, and a second submission does nothing.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 90 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
mkdir tools
cat >tools/sbatch <<'END'
#!/bin/sh
# Runs each task at once, so that all that it depends on is done before it.
for script; do :; done
echo "sbatch $*" >>"$LOG"
export SLURM_JOB_ID=7 SLURM_ARRAY_JOB_ID=7
range=$(sed -n 's/^#SBATCH --array=1-\([0-9]*\)%.*/\1/p' "$script")
for SLURM_ARRAY_TASK_ID in $(seq "${range:-1}"); do
    export SLURM_ARRAY_TASK_ID
    sh "./$script" >>"$LOG.out" 2>&1 || exit
done
echo '7;cluster'
END
cat >tools/scontrol <<'END'
#!/bin/sh
echo "scontrol $*" >>"$LOG"
END
chmod +x tools/*
export PATH=$PWD/tools:$PATH LOG=$PWD/log

attrib job -q --slurm --nodes 2 --shards 3 --basis-shards 2 --cores 1 --memory 1G --time 1-00:00:00 -o job -- fit -q \
    --model "$M" --corpus c.jsonl --modules mlp --blocks 2 --eigen-precision f32 -o 'the factors' || exit
ls job
grep -h SBATCH job/1-covariance.sbatch job/2-maps.sbatch job/3-basis.sbatch
job/submit || exit
cat log
attrib fit -q --model "$M" --corpus c.jsonl --modules mlp --blocks 2 --parts 3 --stage covariance -o c || exit
attrib fit -q --model "$M" --corpus c.jsonl --parts 3 -o whole --modules mlp --blocks 2 --eigen-precision f32 || exit
# The headers name the fit; the numbers behind them are the same.
numbers() {
    tail -c +$(($(od -An -tu8 -N8 "$1") + 9)) "$1"
}
for name in activation_eigenvectors lambda_matrix; do
    numbers "whole/$name.safetensors" >a
    numbers "the factors/$name.safetensors" >b
    cmp a b
done

# Nothing is done twice.
rm log log.out
job/submit >/dev/null && cat log.out

# A task that hears of its end stops its work and is queued again.
rm -r job/lambda-2 log
cat >stand-in <<'END'
#!/bin/sh
trap 'echo stopped; exit 1' TERM
echo begun
while :; do sleep 0.05; done
END
chmod +x stand-in
sed "s|^attrib=.*|attrib=$PWD/stand-in|" job/4-lambda.sbatch >task
SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=2 sh task >said &
while ! grep -qs begun said; do sleep 0.05; done
kill -TERM $!
wait $!
echo "exit $?"
cat said log

# A run: what all shards share, the scores of each, and their merge have the bytes of one process.
seq 1200 | sed 's/.*/{"id": "d&", "text": "Bern is & times"}/' >d.jsonl
echo '{"prompt": "Bern is"}' >q.jsonl
score=(score -q --model "$M" --strategy identity --corpus d.jsonl --queries q.jsonl --max-new-tokens 2 --threads 1)
attrib job -q --slurm --nodes 2 --shards 3 -o run-job -- "${score[@]}" -o run || exit
ls run-job
rm -f log log.out
run-job/submit && cat log
attrib "${score[@]}" -o one || exit
for file in one/*; do
    [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "run/${file#*/}"
done

# Several models: their shards prepare themselves.
both=(score -q --model "$M/checkpoint-1185,$M" "${score[@]:4}")
attrib job -q --slurm --nodes 2 -o both-job -- "${both[@]}" -o both || exit
sed "s|$PWD|HERE|" both-job/tasks
both-job/submit && cat both-job/submitted
attrib "${both[@]}" -o one-of-both || exit
for file in one-of-both/*; do
    [ "${file#*/}" = manifest.msgpack ] || cmp "$file" "both/${file#*/}"
done
