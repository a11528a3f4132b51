# What a file holds is told by its first bytes, whatever its name says.
M=$ATTRIB_SOURCE/corpora/facts-model
golden=$ATTRIB_SOURCE/tests/golden
tokens() { attrib tokens -q --model "$M" --format json "$@" | sed 's/"source": "[^"]*"/"source"/; s/"id": "[^"]*"/"id"/'; }
same() { cmp <(tokens --corpus "$1") - && echo "$1 is read"; }

for name in p.jsonl p.json p.txt p.csv p.arrow p.py p; do
    cp "$golden/parquet/shapes.parquet" "$name"
    tokens --corpus "$golden/parquet/shapes.parquet" | same "$name"
done
gzip -c p >p.txt.gz
tokens --corpus p.parquet.gz 2>/dev/null || true
tokens --corpus "$golden/parquet/shapes.parquet" | same p.txt.gz
for name in a.jsonl a.tsv a.parquet; do
    cp "$golden/arrow/chat-lz4.arrow" "$name"
    tokens --corpus "$golden/arrow/chat-lz4.arrow" --chat-template plain >wanted
    cmp wanted <(tokens --corpus "$name" --chat-template plain) && echo "$name is read"
done
cp "$golden/warc/small.warc.wet" w.txt
tokens --corpus "$golden/warc/small.warc.wet" | same w.txt
printf '{"text": "Bern"}\n{"text": "Zug"}\n' >rows.jsonl
for name in r.parquet r.arrow r.feather r.warc; do
    cp rows.jsonl $name
    tokens --corpus rows.jsonl | same $name
done
# A text that begins as a name of a format is a text.
printf 'PAR1 is where it begins\n' >par.txt
printf 'PAR1\nis where it begins\n' >par1.txt
tokens --corpus par.txt par1.txt | grep -o '"text".*'
# Queries too.
printf '{"prompt": "Bern is", "completion": " a city"}\n' >q.parquet
tokens --queries q.parquet | grep -o '"ids".*'
