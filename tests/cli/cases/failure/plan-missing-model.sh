attrib plan --model m --documents 1 --tokens 10 --gflops 1
