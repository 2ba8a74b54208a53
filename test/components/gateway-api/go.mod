module github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components/gateway-api

go 1.26.0

require sigs.k8s.io/gateway-api v1.5.0
