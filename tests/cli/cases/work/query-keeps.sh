# The answer that is kept is the one that is printed, and exports read it.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
ask=(attrib query -q --strategy identity --model "$M" --corpus a.jsonl --top 3)
"${ask[@]}" "Bern is" >printed
"${ask[@]}" "Bern is" -o kept | cmp - printed
"${ask[@]}" "Bern is" --format json >printed.json
attrib export kept --format jsonl -o - | cmp - printed.json
"${ask[@]}" "Bern is" -o kept | cmp - printed # it is there already
ls kept
"${ask[@]}" "Bern is" --self --tokens -o more >/dev/null
attrib export more -o more.npz && python3 -c 'import zipfile; print(*zipfile.ZipFile("more.npz").namelist())'
"${ask[@]}" "Bern was" -o kept
