attrib fit --model m --corpus c -o f --ram-limit 4X
