# What only a run holds needs one.
attrib query --model m --corpus c --self "Bern is"
