attrib fit extra --model m --corpus c -o f
