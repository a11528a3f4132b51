attrib query --model m --corpus c --damping 0.1x p
