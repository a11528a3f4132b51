# A plain question to a model that answers in turns is asked by its chat template, which writes
# here what the model was trained on; a base model with the template of another goes on with it.
cp -r "$ATTRIB_SOURCE/corpora/facts-model" model && chmod -R u+w model
head -n 6 "$ATTRIB_SOURCE/corpora/facts/instructions.jsonl" >a.jsonl
question='Who was Sir Christopher Wren?'
ask() {
    attrib query --strategy identity --top 1 --model model --corpus a.jsonl -q "$@" |
        grep -E '^(Prompt|Completion|Loss|Asked)'
}
template() {
    printf '{"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "chat_template": "%s"}' \
        "{{ bos_token }}{% for m in messages %}{{ ('Question: ' if m.role == 'user' else '\\\\nAnswer: ') + m.content }}{% if m.role == 'assistant' %}$1{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '\\\\nAnswer:' }}{% endif %}" \
        >model/tokenizer_config.json
}
template '{{ eos_token }}'
ask "$question"
ask $'Question: '"$question"$'\nAnswer:' --chat-template plain
ask "$question" --completion ' an English architect'
printf '%s\n' "{\"prompt\": \"$question\"}" "{\"prompt\": \"$question\", \"completion\": \" an\"}" >q.jsonl
attrib score --strategy identity --model model --corpus a.jsonl --queries q.jsonl -o run 2>&1 |
    grep -o '[0-9]* prompt.*'
attrib export run --format jsonl -o - -q | grep -o '"is_turn":[a-z]*'
template '<|im_end|>'
ask "$question" --max-new-tokens 8
