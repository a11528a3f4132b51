# A file that may not grow stands for a full disk.
head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -q --strategy identity --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus c.jsonl --queries q.jsonl -o r >/dev/null || exit
echo kept >r.sqlite
trap '' XFSZ
(ulimit -f 64 && attrib export r -o r.sqlite)
status=$?
cat r.sqlite
ls
attrib export r --format sqlite -o /dev/full
exit "$status"
