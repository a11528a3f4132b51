# A run is of --exact documents for every query: what stops an answer to one question says so.
for option in '--certify bounds' --certify=0.9 '--time 5s'; do
    # shellcheck disable=SC2086 # an option and its value
    attrib score --index index --queries q.jsonl -o run $option || echo $?
done
[ ! -e run ] && echo nothing of it
