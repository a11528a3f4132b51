# Sums of queries, cosines, self-influences and shares of tokens: what is kept and said.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 30 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
cat >q.jsonl <<'END'
{"id": "a", "prompt": "The Rhine flows", "completion": " north", "topic": "river"}
{"id": "b", "prompt": "The Rhine flows", "completion": " south", "topic": "river", "weight": -1}
{"id": "c", "prompt": "Who wrote Faust?", "completion": " Goethe", "topic": "author"}
END
attrib score -q --model "$M" --strategy identity --corpus c.jsonl --queries q.jsonl -o r \
    --top 2 --aggregate topic --normalize unit --tokens || exit
attrib export r --format safetensors -o r.safetensors || exit
attrib inspect r.safetensors | grep -o -w -e 'tokens .*' -e 'token_offsets .*' -e 'self .*' \
    -e 'raw_scores .*'
attrib inspect r | grep -e '^aggregate' -e '^normalize'
attrib export r --format jsonl | grep -o -e '"id":"[a-z]*","prompt":[^,]*' -e '"n_rows":[0-9]*' \
    -e '"normalize":"[a-z]*"' -e 'a cosine of gradients'
attrib score -q --model "$M" --strategy identity --corpus c.jsonl --queries q.jsonl -o r \
    --top 2 --aggregate topic 2>&1 | sed 's/.*safetensors: //'
attrib score -q --model "$M" --strategy identity --corpus c.jsonl --queries q.jsonl -o n \
    --aggregate subject
attrib query -q --model "$M" --strategy identity --corpus c.jsonl --completion " Goethe" \
    --normalize nats "Who wrote Faust?" | grep -e 'over the nats'
