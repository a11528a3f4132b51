attrib fit --model m --corpus c -o f --strategy diagonal --eigen-precision f32
