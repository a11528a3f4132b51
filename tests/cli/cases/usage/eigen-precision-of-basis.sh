attrib fit --model m --corpus c -o f --stage lambda --basis b --eigen-precision f32
