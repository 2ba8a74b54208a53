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

package reachability

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestAReportSurvivesEncoding(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	a, b := KeyOf("*.gateway.a.dev.clusters.xcc.test"), KeyOf("*.gateway.b.dev.clusters.xcc.test")
	g.Expect(a).NotTo(Equal(b))
	report := New(map[Key]bool{a: true, b: false})
	g.Expect(report).To(Equal(Report{Down: []Key{b}, Up: []Key{a}}))
	g.Expect(Parse(report.Encode())).To(Equal(report))
	g.Expect(string(Report{}.Encode())).To(Equal(`{"down":[],"up":[]}`))
	g.Expect(Parse(Report{}.Encode())).To(Equal(Report{}))
	// The manager and the dns-servers may be of different releases.
	g.Expect(string(New(map[Key]bool{a: true}).Encode())).To(Equal(`{"down":[],"up":["_nE8p4dnwDQ"]}`))
}

func TestTheLargestReportIsAllowed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	isUp := map[Key]bool{}
	for i := range 3 * MaxGateways {
		isUp[KeyOf(fmt.Sprint(i))] = i%3 != 0
	}
	report := New(isUp)
	g.Expect(report.Down).To(HaveLen(MaxGateways), "those that are down come first")
	g.Expect(report.Up).To(BeEmpty())
	g.Expect(len(report.Encode())).To(BeNumerically("<=", MaxBytes))
	parsed, err := Parse(report.Encode())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(parsed.Encode()).To(Equal(report.Encode()))
	t.Logf("%d gateways are %d bytes", MaxGateways, len(report.Encode()))
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	key := `"` + strings.Repeat("A", keyLength) + `"`
	for name, test := range map[string]struct{ text, err string }{
		"nothing":               {"", "not JSON"},
		"garbage":               {"<html>", "not JSON"},
		"a list":                {"[]", "not JSON"},
		"a short key":           {`{"up":["AAAA"]}`, "11 characters"},
		"a key with spare bits": {`{"up":["AAAAAAAAAAB"]}`, "base64"},
		"other characters":      {`{"up":["AAAAAAAAAA+"]}`, "base64"},
		"a number":              {`{"up":[1]}`, "not JSON"},
		"many gateways":         {`{"up":[` + strings.Repeat(key+",", MaxGateways) + key + `]}`, "2001 gateways"},
		"many bytes":            {`{"up":[]}` + strings.Repeat(" ", MaxBytes), "bytes"},
		"two reports":           {`{"up":[]}{"up":[]}`, "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			report, err := Parse([]byte(test.text))
			g.Expect(err).To(MatchError(ContainSubstring(test.err)))
			g.Expect(report.IsEmpty()).To(BeTrue())
		})
	}
}

func TestParseCountsEachGatewayOnce(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	text := `{"down":["AAAAAAAAAAA","AAAAAAAAAAA"],"up":["AAAAAAAAAAE","AAAAAAAAAAA","AAAAAAAAAAE"],"more":1}`
	g.Expect(Parse([]byte(text))).To(Equal(Report{Down: []Key{0}, Up: []Key{1}}))
}

func TestMerge(t *testing.T) {
	t.Parallel()
	up, down := Report{Up: []Key{7}}, Report{Down: []Key{7}}
	for name, test := range map[string]struct {
		reports []Report
		want    Report
	}{
		"no report":                            {nil, Report{}},
		"one report":                           {[]Report{up}, up},
		"one of three lies":                    {[]Report{up, down, up}, up},
		"two of three agree":                   {[]Report{down, up, down}, down},
		"half of them cannot reach it":         {[]Report{up, down}, down},
		"one has no verdict":                   {[]Report{up, {}}, up},
		"different gateways":                   {[]Report{{Up: []Key{1}}, {Down: []Key{2}}}, Report{Down: []Key{2}, Up: []Key{1}}},
		"the order of reports does not matter": {[]Report{{Up: []Key{1, 2}}, {Down: []Key{1}}}, Report{Down: []Key{1}, Up: []Key{2}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			NewWithT(t).Expect(Merge(test.reports)).To(Equal(test.want))
		})
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	before, after := Report{Down: []Key{1, 2, 5}, Up: []Key{3, 4}}, Report{Down: []Key{2, 3}, Up: []Key{1, 4, 6}}
	g.Expect(Changes(before, after)).To(Equal([]Change{{1, Down, Up}, {3, Up, Down}, {5, Down, None}, {6, None, Up}}))
	g.Expect(Changes(after, after)).To(BeEmpty())
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"down":["AAAAAAAAAAA"],"up":["AAAAAAAAAAE"]}`))
	f.Add([]byte(`{"down":null,"up":[null]}`))
	f.Add(Report{}.Encode())
	f.Fuzz(func(t *testing.T, text []byte) {
		report, err := Parse(text)
		if err != nil {
			return
		}
		encoded := report.Encode()
		if again, err := Parse(encoded); err != nil || !bytes.Equal(again.Encode(), encoded) {
			t.Fatalf("%s is read as %v, %v", encoded, again, err)
		}
		if len(encoded) > MaxBytes || len(report.Down)+len(report.Up) > MaxGateways {
			t.Fatalf("%d bytes of %d gateways", len(encoded), len(report.Down)+len(report.Up))
		}
	})
}
