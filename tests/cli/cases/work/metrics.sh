# --metrics writes a text file of Prometheus, as a whole: while the job runs, when it is done, and when it fails. A
# file that cannot be written is refused before any work.
M=$ATTRIB_SOURCE/corpora/facts-model
head -n 20 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
echo '{"text": ' >>a.jsonl
cat >check.py <<'END'
import math, re, sys

values, types, current, seen = {}, {}, None, []
for line in open(sys.argv[1]):
    if line.startswith("# HELP "):
        current = line.split()[2]
        assert current not in seen, current  # samples of a name stand together
        seen.append(current)
    elif line.startswith("# TYPE "):
        _, _, name, types[current] = line.split()
        assert name == current
    else:
        name, labels, value = re.fullmatch(r'(\w+)\{((?:\w+="[^"\\]*",?)*)\} (\S+)\n', line).groups()
        assert name == current and name.endswith("_total") == (types[name] == "counter"), line
        labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        assert labels.pop("task") == sys.argv[2]
        key = (name.removeprefix("attrib_"), *labels.values())
        assert key not in values, line
        values[key] = float(value)
job = {key[0]: value for key, value in values.items() if len(key) == 1}
states = [key[1] for key, value in values.items() if key[0] == "job_state" and value == 1]
assert job["job_update_timestamp_seconds"] >= job["job_start_timestamp_seconds"] > 1.7e9
assert job["job_peak_memory_bytes"] >= job["job_resident_memory_bytes"] > 1e6
assert 0 <= job["job_progress_ratio"] <= 1 and job["job_cpu_seconds_total"] > 0
print(*states, "ratio 1" if job["job_progress_ratio"] == 1 else "")
for key, value in values.items():
    if key[0] in ("job_info", "stage_done", "stage_size") or key[0] == "statistic" and key[1] in sys.argv[3:]:
        print(*key, int(value))
END
attrib fit -q --model "$M" --corpus a.jsonl --on-bad-row skip -o f --metrics fit.prom
python3 check.py fit.prom fit documents tokens skipped_rows
attrib fit --model "$M" --corpus a.jsonl -o g --metrics 'a "b".prom' 2>/dev/null
python3 check.py 'a "b".prom' 'a _b_'
: >q.fifo.jsonl && rm q.fifo.jsonl && mkfifo q.fifo.jsonl
attrib score -q --model "$M" --factors f --corpus a.jsonl --on-bad-row skip --queries q.fifo.jsonl -o r \
    --metrics run.prom &
until [ -s run.prom ]; do
    sleep 0.01
done
python3 check.py run.prom run
echo '{"prompt": "a", "completion": " b"}' >q.fifo.jsonl
wait $!
python3 check.py run.prom run | sed -n 1p
attrib fit --model "$M" --corpus a.jsonl -o g --metrics no/fit.prom
echo "exit $?"
ls
