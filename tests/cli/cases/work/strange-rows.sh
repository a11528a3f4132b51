M=$ATTRIB_SOURCE/corpora/facts-model
mkdir -p set/data
echo '# A card' >set/README.md
echo 'MIT' >set/LICENSE
echo '{"instruction": "Say", "input": "", "output": " a word", "text": "Say a word"}' >set/data/a.jsonl
echo '{"question": "Who was he?", "answer": " An architect."}' >set/data/b.jsonl
echo '{"id": "p", "prompt": "Who was he?", "response": " An architect."}' >q.jsonl
attrib score --strategy identity --model "$M" --corpus set --queries q.jsonl -o run 2>&1 |
    sed -n 's/^.*warning/warning/p; /^  tokens/p'
attrib export run --format csv | cut -d , -f 1,2,4
echo '{"prompt": "Who was he?", "respnse": " An architect."}' >typo.jsonl
attrib score --strategy identity --model "$M" --corpus set --queries typo.jsonl -o run2 2>/dev/null && exit 1
attrib score --strategy identity --model "$M" --corpus set --queries typo.jsonl -o run2 2>&1 | tail -n 1
