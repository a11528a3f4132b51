attrib query --model m --corpus c p --factors f --modules all
