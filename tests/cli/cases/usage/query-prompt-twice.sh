attrib query "one" "two" --model m --corpus c
