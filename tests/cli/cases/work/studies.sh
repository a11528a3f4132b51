# Each study prints its tables, here of few queries and without factors; a page in corpora/studies has all.
for study in concentration sources growth; do
    "$ATTRIB_SOURCE/scripts/study-$study" --program "$(command -v attrib)" --strategy identity --queries 3 --documents 20 2>/dev/null >$study || exit
done
"$ATTRIB_SOURCE/scripts/study-languages" --program "$(command -v attrib)" --strategy identity 2>/dev/null >languages || exit
for study in concentration sources growth languages; do
    head -n 1 $study
    grep '^|' $study | tr -cd '|\n' | sort | uniq -c # rows by number of columns
done
awk -F '|' '$3 ~ /shared/ {shared += $9} $3 ~ /no names/ {none += $9} END {print (shared > none ? "names are shared" : "no")}' languages
