# Documents of so many tokens may begin and end within a character: the store of them opens, and each side has a sign.
M=$ATTRIB_SOURCE/corpora/facts-model
printf 'snow ☃☃☃ 雪雪 man' >c.txt
attrib ingest -q c.txt --model "$M" --unit tokens:4 -o store
attrib tokens -q --corpus store --model "$M"
attrib tokens -q --corpus c.txt --unit tokens:4 --model "$M" | cmp - <(attrib tokens -q --corpus store --model "$M") && echo same
attrib tokens -q --corpus store --model "$M" --format json | sed -E 's/.*("text": ?"[^"]*").*/\1/'
