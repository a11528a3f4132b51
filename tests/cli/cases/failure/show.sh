# What cannot be shown is named.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
attrib query -q --strategy identity --model "$M" --corpus a.jsonl "Bern is" -o r >/dev/null
attrib show nowhere
attrib show r --query 2
attrib show r --setting 2
attrib show r --by self
attrib show r --by cosine
attrib show r --where kind
attrib show r --where 'line<x'
attrib show r >/dev/full
truncate -s 300 r/scores-0000-000000.safetensors
attrib show r >/dev/null && echo "what was reported stands elsewhere"
attrib show r --where kind=person
