# An adapter's chat template goes before its base's, whether it has a tokenizer.json or not.
golden=$ATTRIB_SOURCE/tests/golden
cp -r "$golden/model/llama-gqa-untied" base && cp -r "$golden/adapter/llama-patterns" adapter && chmod -R u+w base adapter
sed -i 's|"base_model_name_or_path": "[^"]*"|"base_model_name_or_path": "'$PWD'/base"|' adapter/adapter_config.json
python3 - <<'END'
import json
vocab = {c: i for i, c in enumerate("abcdefghijklmnopqrstuvwxyz<>")}
json.dump({"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": vocab, "merges": []}},
          open("base/tokenizer.json", "w"))
END
template() { echo "{% for m in messages %}$1{{ m.content }}{% endfor %}"; }
template 'b>' >base/chat_template.jinja
echo '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}' >c.jsonl
tokens() { attrib tokens -q --corpus c.jsonl "$@" 2>&1; }
tokens --model base
tokens --model base --adapter adapter
template 'a>' >adapter/chat_template.jinja
tokens --model base --adapter adapter
tokens --model adapter
# the base as PEFT names it, from where the training ran
sed -i 's|"'$PWD'/base"|"base"|' adapter/adapter_config.json
tokens --model adapter
# a tokenizer that is asked for has its own
tokens --model base --adapter adapter --tokenizer base
# in the other files that hold one
rm adapter/chat_template.jinja
echo '{"chat_template": "{% for m in messages %}c>{{ m.content }}{% endfor %}"}' >adapter/tokenizer_config.json
tokens --model base --adapter adapter
echo '{"chat_template": "{% for m in messages %}d>{{ m.content }}{% endfor %}"}' >adapter/chat_template.json
tokens --model base --adapter adapter
echo '{"chat_template": 5}' >adapter/chat_template.json
tokens --model base --adapter adapter || echo "exit $?"
