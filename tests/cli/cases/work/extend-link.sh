# A run that a link names is extended where it is, and the link stays, as does what was put into the folder of the run.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 30 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >all.jsonl
head -n 20 all.jsonl >c.jsonl && tail -n +21 all.jsonl >new.jsonl
echo '{"prompt": "Bern is", "completion": " the capital"}' >q.jsonl
score=(attrib score -q --model "$M" --strategy identity --top 2 --queries "$PWD/q.jsonl")
corpus=(--corpus "$PWD/c.jsonl" "$PWD/new.jsonl")
mkdir far && "${score[@]}" --corpus "$PWD/c.jsonl" -o far/run >printed || exit
ln -s far/run link && mkdir far/run/notes && echo mine >far/run/notes/note && echo export >far/run/scores.safetensors
"${score[@]}" "${corpus[@]}" -o link/ --extend >printed
"${score[@]}" "${corpus[@]}" -o whole >printed
[ -L link ] && cmp far/run/answers.msgpack whole/answers.msgpack && ls . far && cat far/run/notes/note far/run/scores.safetensors

# The folder that the command is given in.
rm -r far/run && "${score[@]}" --corpus "$PWD/c.jsonl" -o far/run >printed || exit
(cd far/run && "${score[@]}" "${corpus[@]}" -o . --extend >/dev/null)
cmp far/run/answers.msgpack whole/answers.msgpack && ls far
