attrib fit --model m --corpus c -o f --stage lambda
