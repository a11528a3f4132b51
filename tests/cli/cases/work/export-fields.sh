# Hostile documents in CSV, and the help names all fields that there are.
M=$ATTRIB_SOURCE/corpora/facts-model
cat >c.jsonl <<'END'
{"text": "esc \u001b[2J\u001b]0;pwned\u0007 \u009b31m", "id": "\u001b[31mid\u001b[0m\u0007"}
{"text": "=cmd|' /C calc'!A0", "id": "=1+1", "k": "@SUM(A1)"}
{"text": "-2+3 words here", "id": "+1", "k": "-1"}
END
head -n 1 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -q --strategy identity --model "$M" --corpus c.jsonl --queries q.jsonl -o r >/dev/null || exit
attrib export r --format csv --fields document,tags.k,text,line,n_tokens
attrib export r --format csv --fields document,tags.k,text --csv-raw | cat -v
attrib export r --format jsonl --fields document,tags,side
attrib export r --all --format jsonl | wc -l
attrib export r --format csv --fields no 2>&1 | grep -o 'there are.*' | tr -cs 'a-z_A-Z.' '\n' | grep -vx 'there\|are\|and\|' | sort >known
attrib export --help | sed -n '/--fields/,/--csv-raw/p' | tr -cs 'a-z_A-Z.' '\n' | sort >told
comm -23 known told
wc -l <known
