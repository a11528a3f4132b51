head -n 3 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >c.jsonl
M=$ATTRIB_SOURCE/corpora/facts-model
set -o pipefail
attrib query -q --strategy identity --model "$M" --corpus c.jsonl p | true
echo "${PIPESTATUS[0]}"
