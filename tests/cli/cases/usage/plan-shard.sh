attrib plan --shape layers=1,width=2,mlp=4,heads=1,vocabulary=8 --documents 1 --tokens 10 --shard 1/2
