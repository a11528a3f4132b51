# A processor without bf16, as oneDNN is made to believe: bf16 is refused before anything is written, and auto is f32.
M=$ATTRIB_SOURCE/corpora/facts-model
export ONEDNN_MAX_CPU_ISA=AVX2
head -n 20 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
head -n 1 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib fit -q --model "$M" --corpus a.jsonl --modules 'model.layers.1.mlp.*' --precision bf16 -o factors
echo $?
score=(attrib score -q --model "$M" --strategy identity --corpus a.jsonl --queries q.jsonl)
"${score[@]}" --precision bf16 -o refused
echo $?
attrib plan -q --model "$M" --corpus a.jsonl --precision bf16
echo $?
attrib plan -q --model "$M" --corpus a.jsonl --precision bf16 --bf16-gflops 500 | grep -c 'in bf16'
ls
"${score[@]}" -o f32 && "${score[@]}" --precision auto -o auto
cmp f32/scores-* auto/scores-* && attrib inspect auto | grep '^precision'
