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

package workload

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
)

func TestQuantitiesThatTakeLongToDecodeAreRefused(t *testing.T) {
	t.Parallel()
	const slow = "1e-9999999"
	for name, test := range map[string]struct {
		json string
		err  error
	}{
		"a resource":                         {json: `{"limits":{"cpu":"` + slow + `"}}`, err: errLongExponent},
		"a number":                           {json: `{"limits":{"cpu":` + slow + `}}`, err: errLongExponent},
		"a number and white space":           {json: "{\"limits\":{\"cpu\":\n" + slow + "\t}}", err: errLongExponent},
		"a number before another member":     {json: `{"limits":{"a":` + slow + `,"b":1}}`, err: errLongExponent},
		"a field":                            {json: `{"emptyDir":{"sizeLimit":"` + slow + `"}}`, err: errLongExponent},
		"a list":                             {json: `{"limits":[1,"` + slow + `"]}`, err: errLongExponent},
		"a second resource":                  {json: `{"requests":{"cpu":"1","memory":"` + slow + `"}}`, err: errLongExponent},
		"another resource":                   {json: `{"capacity":{"example.com/a\"b":"` + slow + `"}}`, err: errLongExponent},
		"a key with an escape":               {json: `{"\u006cimits":{"cpu":"` + slow + `"}}`, err: errLongExponent},
		"a key of escapes":                   {json: `{"\u006C\u0069\u006d\u0069\u0074\u0073":{"cpu":"` + slow + `"}}`, err: errLongExponent},
		"a key twice":                        {json: `{"limits":{},"limits":{"cpu":"` + slow + `"}}`, err: errLongExponent},
		"the longest key":                    {json: `{"allocatedResources":{"cpu":"` + slow + `"}}`, err: errLongExponent},
		"a member after a nested one":        {json: `{"divisor":{"a":{"b":[]}},"sizeLimit":"` + slow + `"}`, err: errLongExponent},
		"white space":                        {json: `{"sizeLimit":"  ` + slow + " \u00a0\"}", err: errLongExponent},
		"a positive exponent":                {json: `{"sizeLimit":"1e+9999999"}`, err: errLongExponent},
		"a capital letter":                   {json: `{"sizeLimit":"1E9999999"}`, err: errLongExponent},
		"the shortest exponent":              {json: `{"sizeLimit":"1e100"}`, err: errLongExponent},
		"a zero":                             {json: `{"sizeLimit":"0e-9999999"}`, err: errLongExponent},
		"many digits":                        {json: `{"sizeLimit":"` + strings.Repeat("9", numberLength+1) + `"}`, err: errLongNumber},
		"many digits and a suffix":           {json: `{"sizeLimit":"0.` + strings.Repeat("9", numberLength) + `Ki"}`, err: errLongNumber},
		"a longer exponent":                  {json: `{"sizeLimit":"1e` + strings.Repeat("0", numberLength) + `"}`, err: errLongNumber},
		"as many digits as may be":           {json: `{"sizeLimit":"` + strings.Repeat("9", numberLength) + `"}`},
		"as long an exponent as may be":      {json: `{"sizeLimit":"1e-99"}`},
		"ordinary quantities":                {json: `{"capacity":{"cpu":"3920m","memory":"32986188Ki","ephemeral-storage":"18242267924","pods":110,"a":"12e6","b":1.5e3,"c":"1E"}}`},
		"a text that cannot be one":          {json: `{"limits":{"description":"` + strings.Repeat("Limits of the CPU. ", 10) + `"}}`},
		"a long text of its letters":         {json: `{"limits":{"a":"1e-9999999x"}}`},
		"an escape is no part of a quantity": {json: `{"limits":{"a":"1e-999999\u0039"}}`},
		"a commit in a label":                {json: `{"labels":{"commit":"12e45678"}}`},
		"a commit in a label called so":      {json: `{"labels":{"limit":"12e45678"}}`},
		"deeper than quantities are":         {json: `{"limits":{"cpu":{"a":"12e45678"}}}`},
		"after the quantities":               {json: `{"limits":{"cpu":"1"},"commit":"12e45678"}`},
		"a name that is longer":              {json: `{"allocatedResourcesStatus":{"a":"12e45678"}}`},
		"another case":                       {json: `{"Limits":{"a":"12e45678"}}`},
		"a key with another escape":          {json: `{"\nlimits":{"a":"12e45678"},"\u016cimits":{"a":"12e45678"}}`},
		"a value that is called like a key":  {json: `{"a":"limits","b":["limits",{"c":"12e45678"}]}`},
		"no object":                          {json: `"12e45678"`},
		"a number that takes long to parse":  {json: `{"a":[5e-324]}`, err: errLongExponent},
		"a number with many zeros":           {json: `{"a":0.` + strings.Repeat("0", 320) + `5}`, err: errLongNumber},
		"a number at the top":                {json: `5e-324 `, err: errLongExponent},
		"ordinary numbers":                   {json: `{"a":[-9223372036854775808,18446744073709551615,1.7976931348623157e+99,-0.5,true,null]}`},
	} {
		g := NewWithT(t)
		for _, piece := range []int{1, 2, 7, len(test.json)} {
			w := &weigher{}
			var err error
			for rest := []byte(test.json); len(rest) > 0 && err == nil; rest = rest[min(piece, len(rest)):] {
				_, err = w.weigh(rest[:min(piece, len(rest))], false)
			}
			if test.err == nil {
				g.Expect(err).NotTo(HaveOccurred(), name)
				continue
			}
			g.Expect(err).To(MatchError(test.err), name)
			g.Expect(err).To(MatchError(ErrBeyondBudget), name)
		}
	}
}

func TestEveryFieldWithQuantitiesIsKnown(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	kinds := map[reflect.Type]bool{}
	for kind, object := range clientgoscheme.Scheme.AllKnownTypes() {
		if _, err := mapper().RESTMapping(kind.GroupKind(), kind.Version); err == nil {
			kinds[object] = true
		}
	}
	g.Expect(kinds).To(HaveKey(reflect.TypeFor[appsv1.Deployment]()))
	g.Expect(kinds).To(HaveKey(reflect.TypeFor[corev1.NodeList]()))
	// What is read besides: errors, discovery and what a removal looks at.
	for _, object := range []any{metav1.Status{}, metav1.APIGroupList{}, metav1.APIResourceList{}, metav1.PartialObjectMetadataList{}, metav1.WatchEvent{}} {
		kinds[reflect.TypeOf(object)] = true
	}
	f := quantityFields{names: map[string]bool{}, seen: map[reflect.Type]bool{}}
	for kind := range kinds {
		f.walk(t, kind, "", 0)
	}
	for name := range f.names {
		g.Expect(isQuantityKey([]byte(name))).To(BeTrue(), "the field %q has quantities", name)
		var k key
		for _, b := range []byte(name) {
			k.add(b)
		}
		g.Expect(k.ofQuantities()).To(BeTrue(), "the key %q is too long", name)
	}
	g.Expect(slices.Sorted(maps.Keys(f.names))).To(Equal([]string{
		"allocatable", "allocatedResources", "capacity", "divisor", "hard", "limits", "overhead", "requests", "resources", "sizeLimit", "used",
	}), "no key is checked for nothing")
}

// quantityFields collects the names in JSON of the fields that have quantities.
type quantityFields struct {
	names map[string]bool
	seen  map[reflect.Type]bool
}

// walk goes through a type that is so many arrays and objects below the field of a name.
func (f quantityFields) walk(t *testing.T, kind reflect.Type, name string, below int) {
	t.Helper()
	if kind == reflect.TypeFor[resource.Quantity]() {
		if below > 1 {
			t.Errorf("The field %q has quantities deeper than they are looked for", name)
		}
		f.names[name] = true
		return
	}
	switch kind.Kind() { //nolint:exhaustive // Other kinds have no quantities.
	case reflect.Pointer:
		f.walk(t, kind.Elem(), name, below)
	case reflect.Slice, reflect.Array, reflect.Map:
		f.walk(t, kind.Elem(), name, below+1)
	case reflect.Struct:
		if f.seen[kind] {
			return
		}
		f.seen[kind] = true
		for field := range kind.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			f.walk(t, field.Type, name, 0)
		}
	}
}

func TestDecodersKnowFieldsByTheirExactCase(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	pod := func(key string) error {
		_, err := runtime.Decode(clientgoscheme.Codecs.UniversalDeserializer(), []byte(
			`{"kind":"Pod","apiVersion":"v1","spec":{"containers":[{"resources":{"`+key+`":{"cpu":"none"}}}]}}`))
		return err
	}
	g.Expect(pod("limits")).NotTo(Succeed())
	g.Expect(pod(`\u006cimits`)).NotTo(Succeed(), "an escape changes nothing")
	g.Expect(pod("Limits")).To(Succeed())
	g.Expect(pod("LIMITS")).To(Succeed())
}

// FuzzQuantity shows that no quantity that passes becomes long.
func FuzzQuantity(f *testing.F) {
	for _, seed := range []string{"1", "1e-99", "1e-999", "100m", "1Ki", "e", ".", "+1e+1", " 1e3 "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var n number
		for _, b := range []byte(text) {
			n.add(b)
		}
		if n.end() != nil || len(text) > 1_000 {
			return
		}
		parsed, err := resource.ParseQuantity(strings.TrimSpace(text))
		if err == nil && len(parsed.String()) > 3*numberLength {
			t.Fatalf("%q has %d characters in its canonical form", text, len(parsed.String()))
		}
	})
}

func BenchmarkWeigh(b *testing.B) {
	node := `{"metadata":{"name":"node-1","labels":{"kubernetes.io/hostname":"node-1"},"annotations":{"a":"` + strings.Repeat("x", 300) + `"}},` +
		`"status":{"capacity":{"cpu":"8","memory":"32Gi","pods":"110"},"allocatable":{"cpu":"7910m","memory":"29134Mi"},` +
		`"addresses":[{"type":"InternalIP","address":"10.0.0.1"}],"images":[{"names":["registry.k8s.io/pause:3.10"],"sizeBytes":123456}]}},`
	for name, text := range map[string]string{
		"nodes":       `{"items":[` + strings.Repeat(node, 1_000) + `{}]}`,
		"punctuation": `{"items":[` + strings.Repeat(`{"a":1},`, 100_000) + `{}]}`,
		"text":        `{"a":"` + strings.Repeat("x", 1<<20) + `"}`,
		"quantities":  `{"capacity":{` + strings.Repeat(`"a":"1e-99",`, 100_000) + `"a":1}}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for data := []byte(text); b.Loop(); {
				if _, err := new(weigher).weigh(data, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
