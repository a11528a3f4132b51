# Baselines alone need no factors, and together with strategies they stand in the same run and page.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 30 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib query -q --model "$M" --corpus c.jsonl --baseline bm25 --top 1 --completion " 1895" \
    "J. Edgar Hoover was born in" || exit
attrib score -q --model "$M" --corpus c.jsonl --queries q.jsonl --baseline hidden:0 -o h --top 2 || exit
attrib show h --top 1 | grep Scores
attrib score -q --model "$M" --corpus c.jsonl --queries q.jsonl --strategy identity --self \
    --baseline bm25,hidden -o r --top 2 || exit
attrib inspect r | grep -A 4 '^settings'
attrib export r --format jsonl | grep -c '"damping":null'
attrib export r --format csv | cut -d, -f1 | sort | uniq -c
attrib export r -o r.html || exit
attrib export r -o r.sqlite && python3 - <<'END'
import sqlite3
for row in sqlite3.connect("r.sqlite").execute(
        "select setting_name, damping, count(self_influence) from settings left join self_influences using (setting)"
        " group by setting"):
    print(*row)
END
attrib analyze r r queries --other-setting 3 | tail -n 1
attrib analyze r layers --setting 2
attrib show r --setting 2 --by cosine
attrib score -q --model "$M" --corpus c.jsonl --queries q.jsonl --baseline hidden:5 -o x
attrib score -q --model "$M" --corpus c.jsonl --queries q.jsonl --baseline bm25 --split layer -o x
attrib plan --model "$M" --corpus c.jsonl --queries 2 --baseline bm25,hidden 2>&1 | grep -o -e '^Queries.*' -e '^query ' \
    -e '^fit.*'
[ ! -e x ] || echo written
