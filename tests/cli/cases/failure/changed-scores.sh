# One bit of a score that changed since the run was written is noticed by what reads it.
model=$ATTRIB_SOURCE/corpora/facts-model
grep -m 1 direct "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -q --model "$model" --corpus "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" --max-documents 3 \
    --strategy identity --queries q.jsonl -o run
file=run/scores-0000-000000.safetensors
header=$(od -An -N8 -t u8 $file)
byte=$(od -An -j $((8 + header)) -N1 -t u1 $file)
# shellcheck disable=SC2059 # the format is the byte
printf "\\x$(printf %02x $((byte ^ 1)))" | dd of=$file bs=1 seek=$((8 + header)) conv=notrunc status=none
attrib export run -o run.npz
echo "exit $?"
attrib show run --top 20 --where line=1
echo "exit $?"
ls
