attrib query --model "$ATTRIB_SOURCE/corpora/facts-model" \
    --corpus "$ATTRIB_SOURCE/corpora/facts/instructions.jsonl" --chat-template model 'Hi'
