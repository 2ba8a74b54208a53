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

package corefile

import (
	"fmt"
	"slices"
	"strings"
)

// The project that this one succeeds put its block between these comments. They go with the block.
const (
	oldBegin = "### BEGIN CROSS CLUSTER CONNECTIVITY"
	oldEnd   = "### END CROSS CLUSTER CONNECTIVITY"
)

// Ensure returns the Corefile with exactly one server block of ours for each zone. A Corefile that has them, however
// they are indented or commented, is returned unchanged. Otherwise all blocks of ours, those that were written for a
// former zone too, are taken out and the wanted ones are appended.
//
// It returns ErrForeignBlock when somebody else's block serves a zone, and ErrUnsupported when the Corefile has no
// server block, cannot be parsed or cannot be edited safely, or when CoreDNS would not ask or not survive the block.
func Ensure(corefile string, settings Settings) (string, error) {
	statements, err := parse(corefile)
	if err != nil {
		return "", err
	}
	if len(statements) == 0 {
		return "", fmt.Errorf("%w: it holds no server block", ErrUnsupported)
	}
	o := newOwner(settings)
	if err := o.foreign(statements); err != nil {
		return "", err
	}
	if err := rejectClusterZone(statements, settings.Zones); err != nil {
		return "", err
	}
	if err := rejectUnreachable(statements, strings.Join(settings.Zones, ", ")); err != nil {
		return "", err
	}
	if o.isComplete(statements) {
		return corefile, nil
	}
	result, err := o.cut(corefile, statements)
	if err != nil {
		return "", err
	}
	newline := "\n"
	if before, _, ok := strings.Cut(corefile, "\n"); ok && strings.HasSuffix(before, "\r") {
		newline = "\r\n"
	}
	for _, zone := range settings.Zones {
		result += strings.ReplaceAll("\n"+render(zone, settings.ClusterIPs[0]), "\n", newline)
	}
	if err := o.verify(corefile, result, len(settings.Zones)); err != nil {
		return "", err
	}
	return result, nil
}

// Remove returns the Corefile without our blocks: those of the zones and those that were written for former zones.
// Blocks of somebody else stay, those for our zones too. It returns ErrUnsupported when the Corefile cannot be parsed or
// cannot be edited safely.
func Remove(corefile string, settings Settings) (string, error) {
	statements, err := parse(corefile)
	if err != nil {
		return "", err
	}
	o := newOwner(settings)
	result, err := o.cut(corefile, statements)
	if err != nil {
		return "", err
	}
	if err := o.verify(corefile, result, 0); err != nil {
		return "", err
	}
	return result, nil
}

// render returns the server block of a zone. It has no cache, so that a changed record is answered at once. It has no
// reload either: that plugin's interval is one for the whole of CoreDNS and the administrator's to choose.
//
// Forward's defaults fit a ClusterIP, behind which kube-proxy picks a healthy replica: probing starts when an
// exchange fails and repeats every 0.5 s, queries keep being tried meanwhile, once each instead of until they time out,
// and the first good probe ends that. The limit on concurrent queries is that of Kubernetes's default Corefile: a
// DNS server that hangs must not cost CoreDNS its memory. The migration library adds it where it is missing.
func render(zone, clusterIP string) string {
	return fmt.Sprintf(`%s:%s {
    # Kept by dns-config-patcher in the namespace xcc-dns. Take it out to have it written anew.
    errors
    forward . %s {
        max_concurrent 1000
    }
}
`, zone, defaultPort, clusterIP)
}

// isComplete returns whether there is one wanted block for each zone and no other block of ours.
func (o owner) isComplete(statements []statement) bool {
	ours := slices.DeleteFunc(slices.Clone(statements), func(s statement) bool { return !o.owns(s) })
	if len(ours) != len(o.Zones) {
		return false
	}
	for _, zone := range o.Zones {
		// What render returns always parses.
		wanted, _ := parse(render(zone, o.ClusterIPs[0]))
		if !slices.ContainsFunc(ours, func(s statement) bool {
			return servesZone(s, zone) && s.bodyText() == wanted[0].bodyText()
		}) {
			return false
		}
	}
	return true
}

// cut returns the text without our blocks, from the last to the first so that line numbers stay true.
func (o owner) cut(text string, statements []statement) (string, error) {
	for _, s := range slices.Backward(statements) {
		if !o.owns(s) {
			continue
		}
		if s.shared {
			return "", unsupported(s.first, "the block for %s shares a line with another one", s.keys[0])
		}
		text = cutBlock(text, s)
	}
	return text, nil
}

// cutBlock takes a block's lines out, and the line break in front of them that Ensure put there: always at the end of
// the file, and in front of something else only if it makes an empty line.
//
// Between the old project's comments it takes those instead and leaves the line break, because the old project had taken
// the file's own to put the block there.
func cutBlock(text string, s statement) string {
	lines := strings.SplitAfter(text, "\n")
	first := s.first - 1
	before, after := lines[:first], lines[s.last:]
	if len(before) > 0 && len(after) > 0 &&
		strings.TrimSpace(before[len(before)-1]) == oldBegin && strings.TrimSpace(after[0]) == oldEnd {
		return strings.Join(before[:len(before)-1], "") + strings.Join(after[1:], "")
	}
	head, tail := strings.Join(before, ""), strings.Join(after, "")
	newline := "\n"
	if strings.HasSuffix(lines[first], "\r\n") && strings.HasSuffix(head, "\r\n") {
		newline = "\r\n"
	}
	shorter := strings.TrimSuffix(head, newline)
	if tail == "" || strings.HasSuffix(shorter, "\n") {
		head = shorter
	}
	return head + tail
}

// verify returns ErrUnsupported unless the edited text parses, says the same as before about everything that is not
// ours, and holds as many wanted blocks of ours as it should. A word in quotes that the file does not close, for one,
// would swallow an appended block.
func (o owner) verify(original, edited string, blocks int) error {
	before, err := parse(original)
	if err != nil {
		return err
	}
	after, err := parse(edited)
	if err != nil {
		return fmt.Errorf("editing breaks it: %w", err)
	}
	others := slices.DeleteFunc(slices.Clone(after), o.owns)
	same := slices.EqualFunc(slices.DeleteFunc(before, o.owns), others, func(a, b statement) bool {
		return slices.Equal(a.keys, b.keys) && a.bodyText() == b.bodyText()
	})
	if !same || len(after)-len(others) != blocks {
		return fmt.Errorf("%w: editing would change what it says beside the zone", ErrUnsupported)
	}
	return nil
}
