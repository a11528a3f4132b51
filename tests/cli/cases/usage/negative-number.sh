attrib score --model m --corpus c --queries q -o r --damping -0.5
