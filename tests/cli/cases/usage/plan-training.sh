# What of a training a plan does not count is refused by its name.
for option in --segments --segment-loss --over-documents --base-model --base-corpus --base-factors; do
    attrib plan --model m --documents 1 --tokens 9 $option
done
