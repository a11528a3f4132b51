# Plans take the options of fits and runs, and each changes what depends on it: stages, their products, turns.
plan() {
    attrib plan --shape layers=4,width=512,mlp=2048,heads=8,vocabulary=1000 --documents 1000 --tokens 100000 \
        --cores 4 --gflops 100 --ram 64 "$@" | sed -n -e '/^Queries/p' -e '/^stage/,$p' | sed '/^[a-z]/s/^\(.\{26\}\).*/\1/'
}
plan
plan --strategy diagonal --stage all
plan --strategy kfac --modules all
plan --stage covariance --queries 0
plan --fit-documents 0 --settings 3 --normalize unit --token-shares --top 1 --query-rank full --max-rescored 5
for limit in 100G 200M; do
    attrib plan --shape layers=4,width=512,mlp=2048,heads=8,vocabulary=1000 --documents 1000 --tokens 100000 \
        --queries 999 --gflops 100 --ram-limit $limit | grep -c passes
done
# A rank that is chosen later, parts, one shard, processes of a host, and what bf16 multiplies.
plan --fit-documents 0 --queries 99 --query-rank auto
plan --fit-documents 0 --queries 2 --query-rank auto --max-rescored 5
plan --queries 0 --parts 4
plan --fit-documents 0 --shard 2/4
plan --queries 0 --stage covariance --shard 2/4
plan --processes 2
attrib plan --shape layers=4,width=512,mlp=2048,heads=8,vocabulary=1000 --documents 10000 --tokens 1000000 --cores 4 \
    --gflops 100 --fit-documents 0 --queries 50 --query-rank auto | sed -n '/^Queries/p; /^at most/p'
for rate in f32 bf16 'bf16 --bf16-gflops 400'; do
    # shellcheck disable=SC2086 # an option and its value
    attrib plan --shape layers=4,width=512,mlp=2048,heads=8,vocabulary=1000 --documents 1000 --tokens 100000 \
        --queries 0 --stage covariance --gflops 100 --cores 4 --precision $rate --format json |
        grep -oE '"(bf16_flops|busy_seconds)": [0-9.e+]+'
done
attrib plan --shape layers=1,width=64,mlp=64,heads=1,vocabulary=9 --documents 10 --tokens 100 --gflops 1 --cores 2 \
    --processes 3
echo "exit $?"
