# A limit of memory that a query's own fit would do with and its run would not is refused before the fit, saying what
# both do with at least; so it is where several models are fitted.
M=$ATTRIB_SOURCE/corpora/facts-model
models=$M
mkdir corpus
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >corpus/a.jsonl
refined() {
    attrib query -q --threads 1 --model "$models" --corpus corpus/a.jsonl --refine cg --refine-documents 4 --refine-steps 2 \
        "$@" "Bern is" 2>&1
}
least=$(refined --ram-limit 1M | sed -n 's/.*scoring with 1 thread needs \([0-9]*\) MiB$/\1/p')
refined --ram-limit $((least - 4))M | sed -E 's/[0-9]+/N/g'
attrib fit -q --threads 1 --model "$M" --corpus corpus/a.jsonl --ram-limit $((least - 4))M -o f && echo 'the fit alone is within it'
ls corpus/.attrib-cache | grep -v store || echo 'nothing is fitted'
refined --ram-limit $((least + 4))M >6 && refined | cmp - 6 && echo same
echo '== several models'
rm -r corpus/.attrib-cache
models=$M,$M/checkpoint-1185
refined --ram-limit $((least - 4))M | sed -E 's/[0-9]+/N/g'
ls corpus/.attrib-cache | grep -v store || echo 'nothing is fitted'
