attrib plan --shape layers=-1 --documents 1 --tokens 10
