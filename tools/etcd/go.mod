module salvor.io/tools/etcd

go 1.25
