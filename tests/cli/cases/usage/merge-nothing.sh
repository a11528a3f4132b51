attrib merge -o f
