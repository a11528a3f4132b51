# -v says beforehand what every stage of a fit is predicted to take: what attrib plan says of it.
M=$ATTRIB_SOURCE/corpora/facts-model
head -40 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
foresee() {
    attrib "$@" -v --threads 1 --model "$M" --corpus c.jsonl 2>&1 |
        grep -oE 'predicted of .* products|nothing is predicted'
}
attrib plan -q --queries 0 --model "$M" --corpus c.jsonl --gflops 1 --format json | tr '{' '\n' |
    awk -F'[":, ]+' '/^"name"/ { printf "predicted of %s: %.3g GFLOP of products\n", $3, $5 * 1e-9 }' >plan
foresee fit -o f | diff plan - && cat plan
foresee fit -o lambda --stage lambda --basis f --shard 1/2
foresee query 'Question: Who was Sir Christopher Wren?' --completion ' An architect' --modules '*.down_proj'
# Within a limit of memory nothing is measured, which would take some of it.
needs() {
    attrib fit "$1" --threads 2 --ram-limit 1M --model "$M" --corpus c.jsonl -o g 2>log
    sed -n 's/.*needs \([0-9]*\) MiB.*/\1/p' log
}
quiet=$(needs -q) verbose=$(needs -v)
grep -o 'nothing is measured.*' log
grep -c 'predicted of' log
[ $((verbose - quiet)) -le 4 ] || echo "needs $quiet MiB, with -v $verbose MiB"
