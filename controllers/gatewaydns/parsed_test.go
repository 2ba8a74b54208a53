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

package gatewaydns

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/claims"
)

func claiming(name, annotation string) xccv1.GatewayDNS {
	return xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{
		Namespace: "one", Name: name, UID: types.UID("uid of " + name), Annotations: map[string]string{xccv1.ClaimsAnnotation: annotation},
	}}
}

// mark changes what is held of the claims of a GatewayDNS, by which it is seen whether they are parsed again.
func mark(parsed *parsedClaims, gatewayDNS *xccv1.GatewayDNS) {
	namespace := parsed.namespace(gatewayDNS.Namespace)
	entry := namespace.entries[gatewayDNS.Name]
	entry.claims = claims.Claims{"held": time.Time{}}
	namespace.entries[gatewayDNS.Name] = entry
}

func TestClaimsAreParsedOnceForEachContentOfTheAnnotation(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var parsed parsedClaims
	one, two := claiming("a", `{"gateway.a":"1970-01-01T00:00:10Z"}`), claiming("b", "{}")
	all := []xccv1.GatewayDNS{one, two}
	claimsOf := func(gatewayDNS *xccv1.GatewayDNS) claims.Claims {
		found, _ := parsed.of("one", all)(gatewayDNS)
		return found
	}
	g.Expect(claimsOf(&one)).To(HaveKey("gateway.a"))
	mark(&parsed, &one)
	all[0].ResourceVersion, all[0].Status.ObservedGeneration = "2", 2
	g.Expect(claimsOf(&all[0])).To(HaveKey("held"), "its status has changed")

	t.Log("Another annotation, or another GatewayDNS of the same name, is parsed")
	all[0].UID = "another"
	g.Expect(claimsOf(&all[0])).To(HaveKey("gateway.a"))
	mark(&parsed, &all[0])
	all[0].Annotations = map[string]string{xccv1.ClaimsAnnotation: `{"gateway.b":"1970-01-01T00:00:10Z"}`}
	g.Expect(claimsOf(&all[0])).To(HaveKey("gateway.b"))

	t.Log("One that is newer than the list is parsed and not held")
	newer := claiming("a", `{"gateway.c":"1970-01-01T00:00:10Z"}`)
	g.Expect(claimsOf(&newer)).To(HaveKey("gateway.c"))
}

func TestParsedClaimsGoWithTheirGatewayDNS(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var parsed parsedClaims
	var all []xccv1.GatewayDNS
	for i := range 2 * few {
		all = append(all, claiming(fmt.Sprint(i), "{}"))
	}
	parsed.of("one", all)
	parsed.of("one", all[1:])
	g.Expect(parsed.namespaces["one"].entries).To(HaveLen(len(all) - 1))
	parsed.forget(client.ObjectKeyFromObject(&all[1]))
	g.Expect(parsed.namespaces["one"].entries).NotTo(HaveKey("1"))
	for i := range all {
		parsed.forget(client.ObjectKeyFromObject(&all[i]))
	}
	g.Expect(parsed.namespaces).To(BeEmpty())
}

// The race detector sees whether one reconcile changes what another one reads.
func TestParsedClaimsAreReadWhileOthersGo(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var parsed parsedClaims
	all := []xccv1.GatewayDNS{claiming("a", `{"gateway.a":"1970-01-01T00:00:10Z"}`), claiming("b", "{}")}
	of := parsed.of("one", all)
	var group sync.WaitGroup
	group.Go(func() { parsed.forget(client.ObjectKeyFromObject(&all[1])) })
	held, _ := of(&all[0])
	group.Wait()
	g.Expect(held).To(HaveKey("gateway.a"))
}

func TestATurnIsWaitedForInItsNamespaceOnly(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var claiming namespaceLocks
	end, err := claiming.lock(t.Context(), "one")
	g.Expect(err).NotTo(HaveOccurred())
	endOther, err := claiming.lock(t.Context(), "two")
	g.Expect(err).NotTo(HaveOccurred(), "another namespace does not wait")
	endOther()

	next := make(chan func())
	go func() {
		end, _ := claiming.lock(t.Context(), "one")
		next <- end
	}()
	g.Consistently(next, "50ms").ShouldNot(Receive())
	end()
	var endNext func()
	g.Eventually(next).Should(Receive(&endNext))
	endNext()
	g.Expect(claiming.namespaces).To(BeEmpty())
}

// BenchmarkClaimsOfANamespace measures a reconcile's look at 50 GatewayDNS that each have 247 kB of claims.
func BenchmarkClaimsOfANamespace(b *testing.B) {
	var text strings.Builder
	for i := 0; text.Len() < 247_000; i++ {
		fmt.Fprintf(&text, `,"gateway.cluster-%05d":"2026-01-01T00:00:00Z"`, i)
	}
	annotation := "{" + text.String()[1:] + "}"
	var all []xccv1.GatewayDNS
	for i := range 50 {
		all = append(all, claiming(fmt.Sprintf("nonsense-%02d", i), annotation))
	}
	clusters := []clusterv1.Cluster{{ObjectMeta: metav1.ObjectMeta{Namespace: "one", Name: "a"}}}
	for name, forget := range map[string]bool{"parsed before": false, "parsed for the first time": true} {
		b.Run(name, func(b *testing.B) {
			var parsed parsedClaims
			parsed.of("one", all)
			b.ResetTimer()
			for range b.N {
				if forget {
					parsed = parsedClaims{}
				}
				namespace := claims.NewNamespace(all, clusters, parsed.of("one", all))
				namespace.Renew(&all[0], time.Now())
				namespace.Holder(claims.Name("gateway", "a"))
			}
		})
	}
}
