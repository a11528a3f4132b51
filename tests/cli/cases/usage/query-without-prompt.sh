attrib query --model m --corpus "only a path"
