module github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components/tether

go 1.26.0
