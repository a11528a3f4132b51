attrib fit --model m --corpus c -o f --threads 5000
