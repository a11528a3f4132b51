# Each page has its sections, and says what the help says.
for command in "" plan ingest fit merge score query export inspect cache; do
    attrib --man $command >page || exit
    grep -c '^\.SH' page
done
attrib --man fit | grep -A 1 'threads'
