# The model writes as many tokens as it is allowed, and every format says where it was cut.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
ask() {
    attrib query -q --strategy identity --model "$M" --corpus a.jsonl "Bern is" "$@"
}
ask --max-new-tokens 3 | grep -A1 '^ *Completion'
ask | grep -A1 '^ *Completion'
ask --max-new-tokens 3 --format json | grep -o '"completion": *"[^"]*"\|"is_[gc][a-z]*": *[a-z]*'
ask --format json | grep -o '"is_cut": *[a-z]*'
echo '{"prompt": "Bern is"}' >q.jsonl
echo '{"prompt": "Bern is", "completion": " a city"}' >>q.jsonl
attrib score -q --strategy identity --model "$M" --corpus a.jsonl --queries q.jsonl -o run \
    --max-new-tokens 3 --top 1
attrib export run --format csv -o - | cut -d , -f 1,2,8-
attrib score -q --strategy identity --model "$M" --corpus a.jsonl --queries q.jsonl -o run2 \
    --max-new-tokens 0
