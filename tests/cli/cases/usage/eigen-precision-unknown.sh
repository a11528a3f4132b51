attrib fit --model m --corpus c -o f --eigen-precision bf16
