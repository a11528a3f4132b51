attrib plan --documents 1 --tokens 10
