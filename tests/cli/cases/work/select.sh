# Documents are selected by conditions, by length and by a sample, whatever their order; what was left out is counted.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 60 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
tac a.jsonl >b.jsonl
tar cf c.tar a.jsonl
ids() { attrib tokens --model "$M" "$@" 2>e | cut -f 1; sed -n 's/^  \(documents\|--\)/  \1/p' e; }
sample=(--sample 4 --sample-seed 3)
ids --corpus a.jsonl "${sample[@]}" | tee 1
ids --corpus b.jsonl "${sample[@]}" | sort >2
ids --corpus c.tar "${sample[@]}" --threads 1 | sort >3
sort 1 | cmp - 2 && cmp 2 3 && echo same documents
ids --corpus a.jsonl --where kind=person 'n_tokens<40' --max-tokens 30 --sample 3 --sample-by relation
# The factors and the run of a selection say it, and are those of a file of these documents.
chosen=(--where kind=person --max-tokens 30)
attrib tokens -q --model "$M" --corpus a.jsonl "${chosen[@]}" | cut -f 1 | sed 's/.*/"id": "&"/' >names
grep -F -f names a.jsonl >d.jsonl
attrib fit -q --model "$M" --corpus a.jsonl "${chosen[@]}" -o f
attrib fit -q --model "$M" --corpus d.jsonl -o g
cmp f/lambda_matrix.safetensors g/lambda_matrix.safetensors && attrib inspect f | grep selection
echo '{"prompt": "The battle", "completion": " was"}' >q.jsonl
attrib score -q --model "$M" --factors f --corpus a.jsonl "${chosen[@]}" --queries q.jsonl -o run
attrib inspect run | grep selection
# --where takes all words up to the next option, and so does --corpus: the prompt is the last of those given last.
attrib query -q --where kind=person id!=x --model "$M" --strategy identity --corpus a.jsonl 'The battle' --completion ' was' --top 1 | head -n 1
attrib query -q --model "$M" --strategy identity --corpus a.jsonl --where kind=person 'The battle' --completion ' was' --top 1 | head -n 1
# One of several copies is scored, and says what the others are.
head -n 3 a.jsonl >once.jsonl
sed 's|"id": "|&again-|' once.jsonl >again.jsonl
attrib tokens --model "$M" --corpus once.jsonl again.jsonl 2>&1 >/dev/null | grep duplicates
attrib score --deduplicate --strategy identity --model "$M" --corpus once.jsonl again.jsonl --queries q.jsonl -o once 2>&1 | grep -e copies -e query
attrib export -q once --format jsonl -o - | python3 -c '
import json, sys
for result in json.load(sys.stdin)["results"]:
    tags = result["document"]["tags"]
    print(result["document"]["id"], tags["n_copies"], tags["copies"])'
attrib tokens --model "$M" --corpus a.jsonl --sample-by kind 2>&1
attrib tokens --model "$M" --corpus a.jsonl --where colour=red 2>&1
attrib tokens --model "$M" --queries q.jsonl --sample 3 2>&1
attrib plan -q --model "$M" --corpus a.jsonl --sample 7 | grep -o '7 documents' | head -n 1
