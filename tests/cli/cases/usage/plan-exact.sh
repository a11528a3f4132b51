# Options of an index need one, and it takes the place of a prefilter; self-influences are in it.
shape=layers=1,width=2,mlp=4,heads=1,vocabulary=8
attrib plan --shape $shape --documents 1 --tokens 10 --exact 3
attrib plan --shape $shape --documents 1 --tokens 10 --bytes-per-document 3K
attrib plan --shape $shape --documents 1 --tokens 10 --index --prefilter tfidf:3
attrib plan --shape $shape --documents 1 --tokens 10 --index --queries 0 --self
