# The day that a template takes for today is kept: scores take that of their factors, the next
# query that of the cache, and what was fitted before is found.
M=$ATTRIB_SOURCE/corpora/facts-model
cp -r "$M" model && chmod -R u+w model
echo "{{ strftime_now('%d %B %Y') }}: {{ messages[1].content }}" >model/chat_template.jinja
mkdir corpus
printf '%s\n' '{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Bern is a city."}]}' \
    '{"messages": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "An architect."}]}' >corpus/a.jsonl
echo '{"prompt": "Bern is", "completion": " a city."}' >q.jsonl
texts() { grep -o '"text":"[0-9][0-9] [^"]*"' | sort -u; }
attrib fit -q --model model --corpus corpus/a.jsonl --date 2026-02-03 -o factors
attrib score -q --model model --corpus corpus/a.jsonl --factors factors --queries q.jsonl -o run >/dev/null
attrib export run --format jsonl -o - | texts
attrib score -q --model model --corpus corpus/a.jsonl --factors factors --queries q.jsonl -o other --date 2026-02-04 >/dev/null
attrib export other --format jsonl -o - | texts
attrib query -q --model model --corpus corpus/a.jsonl --date 2025-12-24 --format json "Bern is" | texts
attrib query --model model --corpus corpus/a.jsonl --format json "Bern is" 2>log | texts
grep -c 'factors of the cache' log
cat corpus/.attrib-cache/date
echo
