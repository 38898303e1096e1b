module salvor.io/tools/coredns

go 1.25
