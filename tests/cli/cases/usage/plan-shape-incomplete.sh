attrib plan --shape layers=1,width=2 --documents 1 --tokens 10
