# A standard stream that is closed is no file of ours: what is logged reaches no scratch file or
# result, and results that cannot be printed are a failure.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib fit -q --model "$M" --corpus c.jsonl -o f
attrib fit --progress json --model "$M" --corpus c.jsonl -o g <&- 2>&-
echo "fit $?"
cmp f/lambda_matrix.safetensors g/lambda_matrix.safetensors
score=(attrib score --factors f --model "$M" --corpus c.jsonl --queries q.jsonl)
"${score[@]}" -q -o r
"${score[@]}" --progress json -o s <&- 2>&-
echo "score $?"
cmp r/scores-0000-000000.safetensors s/scores-0000-000000.safetensors
"${score[@]}" -q -o t >&-
echo "score $?"
cmp r/scores-0000-000000.safetensors t/scores-0000-000000.safetensors
attrib inspect - <&-
echo "inspect $?"
