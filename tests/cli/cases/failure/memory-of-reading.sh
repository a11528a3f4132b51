# What is kept of all documents while they are read, and the body of a record while it is unpacked, is within the
# limit, or refused saying what takes it.
model=$ATTRIB_SOURCE/tests/golden/model/gpt2-tied
seq 120000 | sed 's/.*/{"id": "&", "ids": [1, 2, 3]}/' >c.jsonl
attrib fit -q --model "$model" --corpus c.jsonl --sample 100000 --ram-limit 20M -o f
echo "exit $?"
yes word | head -c 30000000 | gzip >body.gz
{
    printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n'
    cat body.gz
} >block
{
    printf 'WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\n'
    printf 'Content-Type: application/http; msgtype=response\r\nContent-Length: %d\r\n\r\n' "$(stat -c %s block)"
    cat block
    printf '\r\n\r\n'
} >a.warc
attrib fit -q --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus a.warc --ram-limit 40M -o f
echo "exit $?"
# A row that the limit refuses is no bad row: with more memory it would be read.
{
    echo '{"text": "Bern"}'
    printf '{"prompt": "%s", "completion": "x"}\n' "$(yes word | head -n 4600000 | tr '\n' ' ')"
} >long.jsonl
attrib fit -q --model "$ATTRIB_SOURCE/corpora/facts-model" --corpus long.jsonl --threads 1 --on-bad-row skip --ram-limit 100M -o f 2>&1 |
    sed 's/takes [0-9]* MiB/takes N MiB/'
echo f*
