# --shard auto is the shard that the launcher says; launchers that do not say, or not the same, are refused.
M=$ATTRIB_SOURCE/corpora/facts-model
seq 2000 | sed 's/.*/{"id": "d&", "text": "Bern is"}/' >c.jsonl
echo '{"id": "a", "prompt": "Bern", "completion": " is"}' >q.jsonl
try() {
    local shard=$1
    shift
    rm -rf run
    env "$@" attrib score -q --model "$M" --strategy identity --corpus c.jsonl --queries q.jsonl \
        --shard "$shard" -o run 2>&1 || echo "exit $?"
}
try auto SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=0 SLURM_PROCID=0 SLURM_NTASKS=1
try auto SLURM_ARRAY_TASK_ID=13 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=11 SLURM_ARRAY_TASK_STEP=2
try auto SLURM_PROCID=1 SLURM_NTASKS=2 OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2
try auto RANK=0 WORLD_SIZE=4
try auto/4 JOB_COMPLETION_INDEX=2
try auto RANK=0 WORLD_SIZE=1
echo '== refused'
try auto JOB_COMPLETION_INDEX=2
try auto/4 JOB_COMPLETION_INDEX=4
try auto/5 RANK=0 WORLD_SIZE=4
try auto RANK=0
try auto RANK=1 WORLD_SIZE=4 SLURM_PROCID=2 SLURM_NTASKS=4
try auto SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=3
try auto RANK=x WORLD_SIZE=4
try auto
try auto/ RANK=0 WORLD_SIZE=4
try automatic RANK=0 WORLD_SIZE=4
attrib fit -q --model "$M" --corpus c.jsonl --strategy diagonal --shard auto -o factors
RANK=1 WORLD_SIZE=2 attrib fit -q --model "$M" --corpus c.jsonl --strategy diagonal --shard auto -o factors &&
    attrib inspect factors | grep -A1 'first part' | tail -n 1 | tr -s ' ' | cut -d ' ' -f 5-7
