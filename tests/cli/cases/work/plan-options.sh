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
