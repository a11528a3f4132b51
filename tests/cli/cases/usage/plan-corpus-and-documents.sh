attrib plan --model m --corpus c --documents 5
