# Banks and runs that do not belong together, and banks that cannot be read: one line each, and nothing is written.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 4 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
head -n 2 "$ATTRIB_SOURCE/corpora/facts/queries.jsonl" >q.jsonl
attrib score -q --strategy identity --model "$M" --corpus c.jsonl --queries q.jsonl -o r --top 1 >/dev/null || exit
id() { sed -n "$1p" c.jsonl | grep -o '"id": "[^"]*"' | cut -d'"' -f4; }
query=$(head -n 1 q.jsonl | grep -o '"id": "[^"]*"' | cut -d'"' -f4)
mkdir bank && printf 'id\n%s\n%s\n%s\n' "$(id 1)" "$(id 2)" "$(id 3)" >bank/documents.csv
refuse() {
    attrib validate r --bank bank "$@" -o out && echo "not refused"
    [ ! -e out ] || echo "half-written"
}
attrib validate r --bank nowhere
refuse
printf 'subset,%s\na,1\nb,2\nc,3\n' "$query" >bank/losses.csv
refuse
printf 'subset,mask\na,100\nb,010\nc,1\n' >bank/subsets.csv
refuse
printf 'subset,mask\na,100\nb,010\nc,111\n' >bank/subsets.csv
refuse
printf 'subset,mask\na,100\nb,010\nc,110\n' >bank/subsets.csv
refuse --format csv --table no-such-table
printf 'subset,unknown\na,1\nb,2\nc,3\n' >bank/losses.csv
refuse
printf 'id\nno-such-document\n%s\n%s\n' "$(id 2)" "$(id 3)" >bank/documents.csv
refuse
attrib validate r
attrib validate r --bank bank --mean
attrib validate r --bank bank --table lds
