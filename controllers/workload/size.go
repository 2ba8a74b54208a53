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
	"reflect"
	"time"
)

// mapEntryBytes is the overhead of a map for an entry, at the lowest load of Go's maps.
const mapEntryBytes = 16

var timeType = reflect.TypeFor[time.Time]()

// sizeOf returns how much memory an object takes, in bytes.
func sizeOf(object any) int64 {
	return sizeBehind(reflect.ValueOf(object))
}

// sizeBehind returns how much memory a value refers to.
func sizeBehind(value reflect.Value) int64 {
	switch value.Kind() { //nolint:exhaustive // Other kinds refer to nothing.
	case reflect.String:
		return int64(value.Len())
	case reflect.Pointer, reflect.Interface:
		if value.IsNil() {
			return 0
		}
		return inline(value.Elem().Type()) + sizeBehind(value.Elem())
	case reflect.Slice:
		size := int64(value.Cap()) * inline(value.Type().Elem())
		if !refers(value.Type().Elem()) {
			return size
		}
		for i := range value.Len() {
			size += sizeBehind(value.Index(i))
		}
		return size
	case reflect.Map:
		entry := inline(value.Type().Key()) + inline(value.Type().Elem()) + mapEntryBytes
		size := int64(value.Len()) * entry
		for entries := value.MapRange(); entries.Next(); {
			size += sizeBehind(entries.Key()) + sizeBehind(entries.Value())
		}
		return size
	case reflect.Struct:
		if value.Type() == timeType {
			return 0 // It refers to a time zone, which all times share.
		}
		var size int64
		for _, field := range value.Fields() {
			size += sizeBehind(field)
		}
		return size
	}
	return 0
}

// inline returns how much memory a value of a type takes itself.
func inline(kind reflect.Type) int64 {
	return int64(kind.Size()) //nolint:gosec // No type is that large.
}

// refers returns whether values of a type can refer to memory.
func refers(kind reflect.Type) bool {
	return kind.Kind() < reflect.Bool || kind.Kind() > reflect.Complex128
}
