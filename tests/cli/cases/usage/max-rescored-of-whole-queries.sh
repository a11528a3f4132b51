attrib query --model m --corpus c p --max-rescored 3
