# A fit as Jobs of Kubernetes: the scripts of their containers, all begun at once and in the wrong order,
# wait for each other and make the bytes of one fit.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 60 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
attrib job -q --kubernetes --nodes 1 --shards 2 --image us/attrib:1 --claim data --name facts -o job -- \
    fit -q --model "$M" --corpus c.jsonl --strategy kfac --threads 1 --ram-limit 1G -o factors || exit
sed -n '/^---/,/mountPath/p' job/job.yaml | sed "s|$PWD|HERE|" | head -24
sed -n '/resources/,/command/p' job/job.yaml | head -7

mkdir tools
printf '#!/bin/sh\nexec /bin/sleep 0.1\n' >tools/sleep
chmod +x tools/sleep
# containers N: the script of the Nth Job
container() {
    awk -v wanted="$1" '/^---/ { n++ } n == wanted && /^              / && inside { print substr($0, 15) }
        /^            - \|/ { inside = 1 } /^---/ { inside = 0 }' job/job.yaml
}
container 1 >covariance
container 2 >merge
PATH=$PWD/tools:$PATH JOB_COMPLETION_INDEX=0 sh merge 2>said &
for i in 1 0; do
    JOB_COMPLETION_INDEX=$i sh covariance || exit
done
wait $! || exit
attrib fit -q --model "$M" --corpus c.jsonl --strategy kfac --parts 2 -o whole || exit
for file in factors/*.safetensors; do
    cmp "$file" "whole/${file#*/}"
done
ls factors
