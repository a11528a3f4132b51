M=$ATTRIB_SOURCE/corpora/facts-model
attrib score -q --strategy identity --model "$M" --corpus "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" --max-documents 5 \
    --queries <(head -n 1 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl") -o r
