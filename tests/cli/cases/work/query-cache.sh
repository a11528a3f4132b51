# Factors are fitted once, named, and found again; other options are other factors.
M=$ATTRIB_SOURCE/corpora/facts-model
mkdir corpus
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >corpus/a.jsonl
attrib query --model "$M" --corpus corpus/a.jsonl "Bern is" >1 2>first
attrib query --model "$M" --corpus corpus/a.jsonl "Bern is" >2 2>second
cmp 1 2 && echo same
grep -o 'fitting factors into the cache .*/corpus/.attrib-cache/' first | sed 's|/.*/|/.../|'
grep -c 'factors of the cache' second
attrib query -q --model "$M" --corpus corpus/a.jsonl --modules all "Bern is" >3
cmp -s 1 3 || echo other
attrib query -q --model "$M" --corpus corpus/a.jsonl --context 8 "Bern is" >5
ls corpus/.attrib-cache | wc -l
cat corpus/.attrib-cache/.gitignore
# The cache of a folder stands beside the folder, not in it.
attrib query -q --model "$M" --corpus corpus "Bern is" >4
ls -A
# Without a place beside the corpus: the user's.
attrib query -q --model "$M" --corpus - "Bern is" <corpus/a.jsonl >/dev/null
ls "$HOME/.cache/attrib" | wc -l
# What is fitted here obeys the limit of memory, and is refused before any work.
rm -r corpus/.attrib-cache
attrib query -q --threads 1 --model "$M" --corpus corpus/a.jsonl --ram-limit 40M "Bern is" 2>&1 | sed -E 's/needs [0-9]+/needs N/'
ls corpus/.attrib-cache | grep -v store
attrib query -q --threads 1 --model "$M" --corpus corpus/a.jsonl --ram-limit 1G "Bern is" | cmp - 1 && echo same
# So is what the fit would do with and the run would not: at least what both do with is said.
rm -r corpus/.attrib-cache
refined() {
    attrib query -q --threads 1 --model "$M" --corpus corpus/a.jsonl --refine cg --refine-documents 4 --refine-steps 2 \
        "$@" "Bern is" 2>&1
}
least=$(refined --ram-limit 1M | sed -n 's/.*scoring with 1 thread needs \([0-9]*\) MiB$/\1/p')
refined --ram-limit $((least - 4))M | sed -E 's/[0-9]+/N/g'
attrib fit -q --threads 1 --model "$M" --corpus corpus/a.jsonl --ram-limit $((least - 4))M -o f && echo 'the fit alone is within it'
ls corpus/.attrib-cache | grep -v store
refined --ram-limit $((least + 4))M >6 && refined | cmp - 6 && echo same
