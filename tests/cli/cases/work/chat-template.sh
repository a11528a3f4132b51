# Messages by the model's own template, by another, by a file, and without a template.
cp -r "$ATTRIB_SOURCE/corpora/facts-model" model
chmod -R u+w model
printf '%s\n' '{"messages": [{"role": "user", "content": "Who was Sir Christopher Wren?"},' \
    '{"role": "assistant", "content": "An architect."}]}' | tr -d '\n' >rows.jsonl
show() {
    attrib query -q --model model --corpus rows.jsonl --strategy identity --top 1 --format json "$@" \
        'Who was he?' --completion ' An architect.' | grep -o '"text":"[^"]*"' | head -n 1
}
show
show --chat-template zephyr
printf '{"eos_token": "<|endoftext|>", "chat_template": "%s"}' \
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\\\n' + m.content + '<|im_end|>\\\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\\\n' }}{% endif %}" \
    >model/tokenizer_config.json
attrib inspect model | grep 'chat template'
show
show --chat-template plain
# Today is the day that is given.
echo "{{ strftime_now('%d %B %Y') }}: {{ messages[1].content }}" >day.jinja
show --chat-template day.jinja --date 2026-02-03
show --chat-template day.jinja --date 2026-02-30 || echo "exit $?"
# A template that cannot be run is told of where it is needed.
sed -i 's/{% for/{% include 1 %}{% for/' model/tokenizer_config.json
attrib inspect model | grep 'chat template'
show || echo "exit $?"
show --chat-template chatml || echo "exit $?"
