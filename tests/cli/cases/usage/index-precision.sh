attrib index --model m --corpus c --factors f -o i --precision bf16
