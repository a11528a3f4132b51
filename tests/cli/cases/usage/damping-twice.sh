attrib query --model m --corpus c p --damping 1 --damping-abs 1
