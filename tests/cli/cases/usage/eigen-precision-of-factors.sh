attrib query --model m --corpus c p --factors f --eigen-precision f32
