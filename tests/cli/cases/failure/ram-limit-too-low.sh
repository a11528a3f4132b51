# One map at a time must fit; what that takes is said before any work. Sizes may be written in several ways.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 8 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
for size in 10M 10MB 10MiB 10240K 10485760; do
    attrib fit -q --threads 1 --model "$M" --corpus c.jsonl -o f --ram-limit $size 2>&1 |
        sed -E 's/needs [0-9]+/needs N/'
done
attrib fit -q --model "$M" --corpus c.jsonl -o covariances --stage covariance
ls
attrib merge covariances -o f --ram-limit 1M
