attrib plan --shape layers=1,depth=2 --documents 1 --tokens 10
