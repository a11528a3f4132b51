attrib plan --shape layers=1,width=7,mlp=4,heads=2,vocabulary=8 --documents 1 --tokens 10 --gflops 1
