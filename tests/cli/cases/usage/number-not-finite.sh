attrib query --model m --corpus c --damping nan p
