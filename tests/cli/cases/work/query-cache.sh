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
# The cache of a folder stands in the folder's parent, not in the folder.
attrib query -q --model "$M" --corpus corpus "Bern is" >4
ls -A
# Where nothing can be written next to the corpus: the user's.
attrib query -q --model "$M" --corpus - "Bern is" <corpus/a.jsonl >/dev/null
ls "$HOME/.cache/attrib" | wc -l
# What is fitted here obeys the limit of memory, and is refused before any work.
rm -r corpus/.attrib-cache
attrib query -q --threads 1 --model "$M" --corpus corpus/a.jsonl --ram-limit 40M "Bern is" 2>&1 | sed -E 's/needs [0-9]+/needs N/'
ls corpus/.attrib-cache | grep -v store
attrib query -q --threads 1 --model "$M" --corpus corpus/a.jsonl --ram-limit 1G "Bern is" | cmp - 1 && echo same
