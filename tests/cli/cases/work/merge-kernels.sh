# needs-cpu: avx2
# Where processors multiplied with other kernels, a merge says so, of runs and of factors, and names both.
M=$ATTRIB_SOURCE/corpora/facts-model
seq 600 | sed 's/.*/{"id": "d&", "text": "Bern is & times"}/' >c.jsonl
echo '{"prompt": "Bern", "completion": " is"}' >q.jsonl
kernels=(Haswell Nehalem)
for i in 1 2; do
    export OPENBLAS_CORETYPE=${kernels[i - 1]}
    attrib score -q --model "$M" --strategy identity --corpus c.jsonl --queries q.jsonl --shard $i/2 -o s$i || exit
    attrib fit -q --model "$M" --corpus "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" --max-documents 90 \
        --strategy diagonal --shard $i/2 -o f$i || exit
done
unset OPENBLAS_CORETYPE
for kind in s f; do
    attrib merge ${kind}1 ${kind}2 -o $kind 2>err || exit
    grep 'last bits' err | sed -E 's/.*warning: //; s/OpenBLAS [^,:]*(Haswell|Nehalem)[^,:]*/OpenBLAS \1/g'
    attrib merge ${kind}1 --partial -o ${kind}1again 2>&1 | grep -c 'last bits' || :
done
