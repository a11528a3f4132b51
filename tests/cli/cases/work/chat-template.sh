# Messages by the model's own template, which inspect names, by another, and without a template.
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
sed -i 's/im_end/im_stop/' model/tokenizer_config.json
attrib inspect model | grep 'chat template'
show || echo "exit $?"
