# The page of a run says what its other exports say, and nothing of a run is in its markup.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 12 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
cat >>c.jsonl <<'END'
{"id": "</script><script>alert(1)</script>", "text": "</script><script>alert(2)</script> <!-- --> ]]> <img src=x onerror=alert(3)>", "__proto__": "javascript:alert(4)", "constructor": "{\"a\": 1}"}
{"id": "b", "text": "one\u0007two \u202Eright to left\u202C \uD83D\uDE00 \u2028 na\u00efve \u65e5\u672c", "url": "javascript:alert(5)", "list": ["a", "b"]}
END
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
echo '{"id": "<b>__proto__</b>", "prompt": "</script><svg onload=alert(6)>", "completion": " <!--", "tags": {"__proto__": "x"}}' >>q.jsonl
echo '{"id": "margin", "prompt": "Bern is", "completion": " red", "against": " a blue"}' >>q.jsonl
attrib fit -q --model "$M" --corpus c.jsonl -o f || exit
attrib score -q --model "$M" --factors f --corpus c.jsonl --queries q.jsonl -o r --top 5 || exit
attrib score -q --model "$M" --factors f --corpus c.jsonl --queries q.jsonl -o s --top 5 \
    --strategy ekfac,identity --split layer --token-kind input || exit
for run in r s; do
    attrib export $run -o $run.html || exit
    attrib export $run -o $run.jsonl || exit
    attrib export $run -o $run.safetensors || exit
    python3 "$ATTRIB_SOURCE/tests/cli/check_page.py" $run.html $run.jsonl $run.safetensors || exit
    attrib export $run --format html | cmp - $run.html
    grep -v '^<script type="text/plain"' $run.html >$run.frame
done
cmp r.frame s.frame && grep -c alert r.frame
attrib export r --format html -o /dev/full
attrib export r -o missing/r.html
ls
