attrib query "one" --prompt "two" --model m --corpus c
