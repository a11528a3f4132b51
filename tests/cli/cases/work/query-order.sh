# The prompt may stand anywhere, and --corpus may take one path or several, at once or again.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
head -n 9 "$ATTRIB_SOURCE/corpora/facts/instructions.jsonl" >b.jsonl
ask() {
    attrib query -q --strategy identity --model "$M" "$@"
}
ask --corpus a.jsonl b.jsonl "Bern is" >1 || exit
ask --corpus a.jsonl b.jsonl --top 10 "Bern is" | cmp - 1
ask "Bern is" --corpus a.jsonl b.jsonl | cmp - 1
ask --corpus a.jsonl --corpus b.jsonl "Bern is" | cmp - 1
ask --corpus=a.jsonl b.jsonl --prompt "Bern is" | cmp - 1
ask --corpus a.jsonl b.jsonl -- "Bern is" | cmp - 1
ask --corpus b.jsonl a.jsonl "Bern is" --top 1 | head -n 1
