# A tokenizer that puts EOS behind every text of its own accord ends documents, but neither a
# prompt nor a completion: answers and scores are those of the model without that.
M=$ATTRIB_SOURCE/corpora/facts-model
cp -r "$M" adds && chmod -R u+w adds
python3 - adds/tokenizer.json <<'END'
import json, sys
tokenizer = json.load(open(sys.argv[1], encoding="utf-8"))
single = tokenizer["post_processor"]["single"]
single.append(single[0])
json.dump(tokenizer, open(sys.argv[1], "w", encoding="utf-8"))
END
head -n 9 "$ATTRIB_SOURCE/corpora/facts/statements.jsonl" >a.jsonl
for options in '' '--no-eos'; do
    for completion in '' ' the capital of Switzerland.'; do
        for model in "$M" adds; do
            # shellcheck disable=SC2086 # no option where there is none
            attrib query -q $options --strategy identity --model $model --corpus a.jsonl "Bern is" \
                ${completion:+--completion "$completion"} --format json |
                sed 's/"model_hash": *"[^"]*"//' >"${model##*/}.json"
        done
        cmp facts-model.json adds.json && grep -o '"is_generated": *[a-z]*' adds.json
    done
done
