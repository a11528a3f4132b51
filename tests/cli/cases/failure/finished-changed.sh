# A fit that is given again reads what it made: a file that was changed or removed since is named. Lists of skipped rows
# that were cut or changed are not merged.
cp -r "$ATTRIB_SOURCE/tests/golden/model/gpt2-tied" model
for i in 1 2 3 4 5 6; do echo "{\"ids\": [1, $i, 7]}"; done >c.jsonl
echo '{"ids": ' >>c.jsonl
fit() { attrib fit -q --threads 1 --model model --corpus c.jsonl --on-bad-row skip "$@"; }
fit -o f 2>log || cat log
cp -r f changed && cp -r f removed
printf x | dd of=changed/lambda_matrix.safetensors bs=1 seek=$(($(stat -c %s f/lambda_matrix.safetensors) - 4)) \
    conv=notrunc status=none
rm removed/gradient_eigenvectors.safetensors
for folder in f changed removed; do
    fit -o $folder 2>&1 | grep -v warning
done
fit --seed 2 -o changed 2>&1 | grep -v warning # of another fit: said first
fit --stage covariance -o sums 2>log || cat log
# merged TEXT: where the list of the sums is this text
merged() {
    echo -en "$1" >sums/skipped.jsonl
    attrib merge -q sums -o s
    ls -A | grep -e '^s\.' -e '^s$'
}
row='{"source":"c.jsonl","line":7,"reason":"damaged"}'
merged "$row\n$row"
merged "$row\nabc\n"
merged "$row\n[]\n"
merged "{\"source\":\"c.jsonl\",\"line\":\"7\",\"reason\":\"damaged\"}\n"
merged '{"source":"c.jsonl","line":7}\n'
merged "$row\n" && cut -c 1-40 s/skipped.jsonl
