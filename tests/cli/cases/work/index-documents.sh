# An index has the tokens of its documents: it is asked where its corpus has changed, or is gone.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 60 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >all.jsonl
head -n 30 all.jsonl >a.jsonl && tail -n 30 all.jsonl >b.jsonl
attrib fit -q --model "$M" --corpus all.jsonl -o f
index() { attrib index -q --model "$M" --factors f --bytes-per-document 4K "$@"; }
ask() { attrib query -q --exact 30 --top 3 --format json --index "$@" 'Strontium is a soft'; }
answers() { ask "$@" | grep -o '"id":"[^"]*"\|"score":[-0-9.]\{5\}\|"source":"[^"]*"' | sed "s:$PWD::"; }
index --corpus a.jsonl -o a && ls a
answers a >there
cp a.jsonl same.jsonl
printf '{"id": "new", "text": "Strontium is a soft metal."}\n' >>a.jsonl
answers a | cmp - there && echo 'same where it grew'
attrib query --progress none --exact 2 --top 1 --index a x 2>&1 >/dev/null | grep -o 'warning: a/documents.store: made before'
rm a.jsonl
answers a | cmp - there && echo 'same without it'
attrib self -q --index a --top 2 --format json | grep -o '"id":"[^"]*"'
# What was named is read in its place: a corpus, and ids of another kind.
ask a --corpus same.jsonl | grep -o same.jsonl | sort -u
ask a --id-field entity 2>&1 | head -n 1 | sed "s:$PWD::"
cp same.jsonl a.jsonl
ask a --id-field entity | grep -o '"id":"[^"]*"' | sort -u | head -n 2
rm a.jsonl
# What chose its documents is not asked again, and more conditions are fine.
index --corpus b.jsonl --where kind=person --max-documents 9 -o some
mv b.jsonl gone.jsonl
attrib query -q --index some --top 2 --exact 3 x | grep -o '[0-9]* of [0-9]* documents'
attrib query -q --index some --top 1 --exact 1 --where relation=life x 2>&1 | head -n 1
mv gone.jsonl b.jsonl
# Shards of a corpus have the store of the whole, and so has what is made of them; indexes of several corpora name these.
cat same.jsonl b.jsonl same.jsonl b.jsonl same.jsonl b.jsonl same.jsonl b.jsonl same.jsonl b.jsonl \
    same.jsonl b.jsonl same.jsonl b.jsonl same.jsonl b.jsonl same.jsonl b.jsonl >many.jsonl
for i in 1 2; do index --corpus many.jsonl --shard $i/2 -o s$i; done
attrib merge -q s2 s1 -o shards && cmp s1/documents.store shards/documents.store && rm many.jsonl
attrib query -q --index shards --top 1 --exact 2 x | grep -o '[0-9]* of [0-9]* documents'
index --corpus b.jsonl -o b && attrib merge -q a b -o both && ls both
cp same.jsonl a.jsonl
attrib query -q --index both --top 1 --exact 2 x | grep -o '[0-9]* of [0-9]* documents'
# A store that is given is kept as it is.
attrib ingest -q b.jsonl --model "$M" -o b.store
index --corpus b.store -o c && cmp b.store c/documents.store && rm b.store && answers c | grep -c score
# One that is damaged, or of other documents, is not taken.
printf x | dd of=c/documents.store bs=1 seek=5000 conv=notrunc status=none
ask c 2>&1 | head -n 1
cp a/documents.store c/documents.store
ask c 2>&1 | sed 's/: read them.*//; q'
