attrib query --model m --corpus c p --no-settle
