attrib fit --model m --corpus c -o f --seed 18446744073709551616
