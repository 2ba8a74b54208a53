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

package controller

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsconfig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// observation is the input of a reconcile.
type observation struct {
	dnsconfig.Objects

	// choice is the servers that may be configured.
	choice corefile.Choice
	wish   wish
	// other is a sentence about what serves cluster DNS if there is no CoreDNS that can be configured, empty if that is unknown.
	other string
}

// wish is what this program's own Deployment asks for.
type wish int

const (
	// install the server blocks.
	install wish = iota
	// remove the server blocks.
	remove
	// ended: the Deployment is deleted or being deleted, and this process is about to end. It must write no more: a block
	// that was taken out stays out, and a block that is there stays.
	ended
)

func wishOf(deployment *unstructured.Unstructured) wish {
	if deployment == nil || deployment.GetDeletionTimestamp() != nil {
		return ended
	}
	if _, found := deployment.GetAnnotations()[xccv1.RemoveAnnotation]; found {
		return remove
	}
	return install
}

// decision is the result that a reconcile should lead to.
type decision struct {
	state   report.State
	message string
	// coreDNS says where CoreDNS's configuration was found.
	coreDNS string
	// edits are to be made to CoreDNS's configuration.
	edits []corefile.Edit
	// written and writtenTo are the memory to be, stored before the edits are made.
	written, writtenTo string
	// moves reports that the edits bring server blocks to other keys than before.
	moves bool
}

// decide says what to do about the zones.
func decide(o observation, zones []string) decision {
	memory := dnsconfig.Data(o.Memory)
	settings := o.Settings(zones)
	d := decision{written: settings.Written}
	// The edits of a removal tell which keys have a block now.
	present := corefile.Uninstall(o.Cluster(o.choice.All()), settings)
	d.writtenTo = writtenTo(present.Edits)
	if o.wish == remove {
		return d.removal(present, zones)
	}
	if len(settings.ClusterIPs) == 0 {
		d.coreDNS = memory[report.KeyCoreDNS]
		return d.with(report.WaitingForService, "The DNS server's Service has no ClusterIP; CoreDNS's configuration is left as it is")
	}
	plan := corefile.Install(o.Cluster(o.choice.Wanted()), settings)
	d.coreDNS = strings.Join(plan.Found, "; ")
	if missing := o.missing(plan.Edits); missing != "" {
		// The other edits wait, too: they may take a block out of the Corefile that belongs into this ConfigMap.
		return d.with(report.WaitingForConfigMap,
			"The Corefile imports ConfigMap %s, which does not exist: the manager creates it, and where none runs somebody has to", missing)
	}
	d.edits, d.written = plan.Edits, plan.Written
	d.writtenTo = writtenTo(slices.Concat(present.Edits, plan.Edits))
	switch {
	case errors.Is(plan.Err, corefile.ErrNotFound):
		return d.with(report.CorefileNotFound, "Names in %s do not resolve in this cluster: there is no ConfigMap %s with a key Corefile%s",
			list(zones), strings.Join(corefile.Mains(o.choice.Wanted()), " or "), o.seen())
	case errors.Is(plan.Err, corefile.ErrForeignBlock):
		return d.with(report.ForeignBlock, "Left as it is: %s; remove that block or choose another zone", lines(plan.Err))
	case plan.Err != nil:
		return d.with(report.UnsupportedCorefile, "Left as it is: %s; correct it and the block for %s will be added", lines(plan.Err), list(zones))
	}
	// Only now: as long as nothing is forwarded elsewhere, what was written before stays. An error there keeps nobody from resolving, and
	// the removal tells it.
	former := corefile.Uninstall(o.choice.FormerOf(o.Cluster(nil)), settings)
	d.edits = append(d.edits, former.Edits...)
	d.moves = len(d.edits) > 0 && d.writtenTo != memory[report.KeyWrittenTo]
	return d.with(report.Forwarding, "CoreDNS is configured to forward %s to %s", list(zones), settings.ClusterIPs[0])
}

// writtenTo lists the keys of edits.
func writtenTo(edits []corefile.Edit) string {
	var refs []string
	for _, edit := range edits {
		refs = append(refs, edit.Ref())
	}
	slices.Sort(refs)
	return strings.Join(slices.Compact(refs), ",")
}

// missing returns the name of a ConfigMap that does not exist and is to be edited.
func (o observation) missing(edits []corefile.Edit) string {
	for _, edit := range edits {
		if o.ConfigMaps[edit.ConfigMap] == nil {
			return edit.ConfigMap.String()
		}
	}
	return ""
}

// removal takes the blocks out.
func (d decision) removal(plan corefile.Plan, zones []string) decision {
	d.edits, d.coreDNS = plan.Edits, strings.Join(plan.Found, "; ")
	if plan.Err != nil {
		return d.with(report.UnsupportedCorefile, "The server blocks for %s cannot be taken out: %s; correct it, or take them out by hand",
			list(zones), lines(plan.Err))
	}
	return d.with(report.Removed, "No server block for %s is in CoreDNS's configuration any more, as the annotation %s asks",
		list(zones), xccv1.RemoveAnnotation)
}

func (o observation) seen() string {
	if o.other == "" {
		return ""
	}
	return "; " + o.other
}

func (d decision) with(state report.State, format string, args ...any) decision {
	d.state, d.message = state, fmt.Sprintf(format, args...)
	return d
}

// failed is the decision after the API server refused to take it.
func (d decision) failed(err error) decision {
	return d.with(report.WriteFailed, "CoreDNS's configuration could not be written, which is tried again: %s", err)
}

// lines puts joined errors on one line.
func lines(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

func list(zones []string) string {
	return strings.Join(zones, ", ")
}
