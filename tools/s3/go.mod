module salvor.io/tools/s3

go 1.25
