# A completion that is given is the one that is asked about.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
attrib query -q --strategy identity --model "$M" --corpus a.jsonl "Bern is" --completion " the capital of Switzerland." \
    --format json | grep -o '"completion": *"[^"]*"'
