# White space that costs the completion more than half of its likelihood is told of, and so is a
# text that writes the token which the tokenizer adds.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 5 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
notes() {
    grep -o 'warning: .*' | sed 's/[0-9]*\.[0-9]* nats/X nats/; s/of [0-9]*\.[0-9]*/of X/'
}
ask() {
    attrib query --strategy identity --top 1 --model "$M" --corpus a.jsonl "$@" 2>&1 >out | notes
}
echo 'without the space:'
ask $'Question: Who was Sir Christopher Wren?\nAnswer:' --completion 'an English architect'
echo 'with it:'
ask $'Question: Who was Sir Christopher Wren?\nAnswer:' --completion ' an English architect'
echo 'a space behind the prompt:'
ask $'Question: Who was Sir Christopher Wren?\nAnswer: ' --completion 'an English architect'
grep -m 1 -h '^Prompt' out
ask $'Question: Who was Sir Christopher Wren?\nAnswer: '
echo 'no need of it:'
ask 'Bern is the capital of Switz' --completion 'erland'
ask 'Bern is'
echo 'BOS:'
ask '<|endoftext|>Bern is'
echo '{"id": "b", "text": "<|endoftext|>Bern"}' >>a.jsonl
attrib tokens --model "$M" --corpus a.jsonl 2>&1 >/dev/null | notes
echo '{"prompt": "<|endoftext|>Bern is"}' >q.jsonl
attrib tokens --model "$M" --queries q.jsonl 2>&1 >/dev/null | notes
