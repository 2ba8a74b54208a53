/*
Copyright The cross-cluster-connectivity Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package fit_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

// huge returns the largest entry that the schema allows, of about 55 kB.
func huge(cluster string) xccv1.GatewayStatus {
	gateway := sample()
	gateway.Cluster, gateway.Addresses, gateway.Ports = cluster, nil, nil
	gateway.Message = strings.Repeat("<", fit.MaxMessage)
	for i := range 100 {
		name := fmt.Sprintf("%03d.%s", i, strings.Repeat(strings.Repeat("x", 61)+".", 4))
		gateway.Addresses = append(gateway.Addresses, name[:248]+".com")
		gateway.Ports = append(gateway.Ports, xccv1.GatewayPort{Name: name[:251], Protocol: "TCP", Port: int32(i + 1)})
	}
	return gateway
}

func TestHugeEntriesDoNotShrinkOtherEntries(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	schema := readCRD(t)
	var gateways []xccv1.GatewayStatus
	for i := range 1000 {
		gateway := sample()
		gateway.Cluster, gateway.Message = fmt.Sprintf("good-%04d", i), strings.Repeat("m", 200)
		gateways = append(gateways, gateway)
	}
	for i := range 50 {
		gateways = append(gateways, huge(fmt.Sprintf("huge-%04d", i)))
	}
	g.Expect(fit.Gateways(gateways[1000:1010])).To(Equal(gateways[1000:1010]), "a few of them fit unchanged")
	fitting := fit.Gateways(gateways)
	g.Expect(fitting).To(HaveLen(len(gateways)))
	g.Expect(fitting[:1000]).To(Equal(gateways[:1000]))
	for _, gateway := range fitting[1000:] {
		g.Expect(gateway.State).To(Equal(xccv1.GatewayResolved))
		g.Expect(gateway.Addresses).NotTo(BeEmpty())
		g.Expect(gateway.Message).To(MatchRegexp("^Only [0-9]+ of 100 addresses and 0 of 100 ports are published, because the status would be too large"))
	}
	data, err := json.Marshal(fitting)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(len(data)).To(And(BeNumerically("<=", fit.Budget), BeNumerically(">", fit.Budget*3/4)))
	g.Expect(schema.problems(t, fitting)).To(BeEmpty())
	g.Expect(fit.Gateways(fitting)).To(Equal(fitting))
}

func TestThousandsOfLongMessagesFitIntoOneStatus(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var gateways []xccv1.GatewayStatus
	for i := range 2500 {
		gateway := sample()
		gateway.Cluster, gateway.Message = fmt.Sprintf("cluster-%04d", i), strings.Repeat("m", 1024)
		gateways = append(gateways, gateway)
	}
	fitting := fit.Gateways(gateways)
	data, err := json.Marshal(fitting)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(len(data)).To(BeNumerically("<=", 3*fit.Budget/2))
	for i, gateway := range fitting {
		g.Expect(gateway.Addresses).NotTo(BeEmpty())
		g.Expect(gateway.Hostname).To(Equal(gateways[i].Hostname))
	}
}

func TestPartsInASharedNameFitIntoTheBudget(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	schema := readCRD(t)
	var gateways []xccv1.GatewayStatus
	for i := range 1000 {
		gateway := huge(fmt.Sprintf("cluster-%04d", i))
		gateway.Message = ""
		gateway.Shared = &xccv1.GatewayShare{Priority: new(int32(65535)), Weight: new(int32(65535))}
		for range 4 {
			gateway.Shared.Locality = append(gateway.Shared.Locality, strings.Repeat("l", 63))
		}
		gateways = append(gateways, gateway)
	}
	fitting := fit.Gateways(gateways)
	data, err := json.Marshal(fitting)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(len(data)).To(And(BeNumerically("<=", fit.Budget), BeNumerically(">", fit.Budget*3/4)))
	for i, gateway := range fitting {
		g.Expect(gateway.Shared).To(Equal(gateways[i].Shared))
		g.Expect(gateway.Addresses).NotTo(BeEmpty())
	}
	g.Expect(schema.problems(t, fitting)).To(BeEmpty())
	g.Expect(fit.Gateways(fitting)).To(Equal(fitting))
}
