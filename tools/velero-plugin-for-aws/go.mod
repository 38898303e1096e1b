module salvor.io/tools/velero-plugin-for-aws

go 1.25
