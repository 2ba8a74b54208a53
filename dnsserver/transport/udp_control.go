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

package transport

import (
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// requestDestination makes the kernel tell the destination address of each query, if the socket is
// not bound to one. The response has to come from that address. It returns the size of the control
// data per packet, in octets.
func requestDestination(udp *net.UDPConn) (int, error) {
	address := udp.LocalAddr().(*net.UDPAddr)
	switch {
	case !address.IP.IsUnspecified():
		return 0, nil
	case address.IP.To4() != nil:
		return unix.CmsgSpace(unix.SizeofInet4Pktinfo), ipv4.NewPacketConn(udp).SetControlMessage(ipv4.FlagDst, true)
	default:
		return unix.CmsgSpace(unix.SizeofInet6Pktinfo), ipv6.NewPacketConn(udp).SetControlMessage(ipv6.FlagDst, true)
	}
}

// sourceControl turns the control data of a query into that of its response, in place. The kernel
// uses one format for both. It clears the interface, so that routing selects it, except for a
// link-local address, which needs it.
func sourceControl(control []byte) []byte {
	data := unix.CmsgLen(0)
	switch len(control) {
	case unix.CmsgSpace(unix.SizeofInet4Pktinfo):
		clear(control[data : data+4])
	case unix.CmsgSpace(unix.SizeofInet6Pktinfo):
		if !net.IP(control[data : data+net.IPv6len]).IsLinkLocalUnicast() {
			clear(control[data+net.IPv6len:])
		}
	}
	return control
}
