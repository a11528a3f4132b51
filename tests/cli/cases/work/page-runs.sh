# Runs of two checkpoints and of two methods stand in one page; others are told from each other.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 12 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 11 c.jsonl >fewer.jsonl
sed '3s/"text": "/&Indeed, /' c.jsonl >changed.jsonl
head -n 3 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
echo '{"id": "own", "prompt": "Bern is"}' >>q.jsonl
sed '2s/"id": "/&other-/' q.jsonl >other.jsonl
score() { attrib score -q --model "$1" --corpus "$2" --queries "$3" -o "$4" --top 3 --strategy identity "${@:5}"; }
score "$M" c.jsonl q.jsonl late || exit
score "$M/checkpoint-1185" c.jsonl q.jsonl early || exit
attrib fit -q --model "$M" --corpus c.jsonl -o f && mkdir more || exit
attrib score -q --model "$M" --factors f --corpus c.jsonl --queries q.jsonl -o more/late --top 3 \
    --strategy kfac,ekfac || exit
for run in late early more/late; do
    attrib export $run -o $run.jsonl && attrib export $run -o $run.safetensors || exit
done
attrib export late early more/late -o all.html || exit
python3 "$ATTRIB_SOURCE/tests/cli/check_page.py" all.html \
    late.jsonl late.safetensors early.jsonl early.safetensors more/late.jsonl more/late.safetensors
score "$M,$M/checkpoint-1185" c.jsonl q.jsonl sum --checkpoint-weights 1,-0.5 || exit
attrib export sum -o sum.jsonl && attrib export sum -o sum.safetensors && attrib export sum -o sum.html || exit
python3 "$ATTRIB_SOURCE/tests/cli/check_page.py" sum.html sum.jsonl sum.safetensors
attrib export late early --format html -o - | cmp - <(attrib export late early --format html -o -)
score "$M" fewer.jsonl q.jsonl fewer && attrib export late fewer -o no.html
score "$M" changed.jsonl q.jsonl changed && attrib export late changed -o no.html
score "$M" c.jsonl other.jsonl other && attrib export late other -o no.html
head -n 3 q.jsonl >three.jsonl
score "$M" c.jsonl three.jsonl three && attrib export late three -o no.html
score "$M" c.jsonl q.jsonl nats --normalize nats && attrib export late nats -o no.html
attrib export late early -o no.csv
attrib export late early --rows -o no.jsonl
attrib export $(yes late | head -n 9) $(yes more/late | head -n 4) -o no.html
ls no.*
