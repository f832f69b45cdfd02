// Package schemas holds the JSON Schemas of the messages, as files that other
// programs can take as they are. They are generated from the Go types: see
// mqtt/contract.
package schemas

import "embed"

// Files are the schemas, draft 2020-12, one <message>.json for each kind of message.
//
//go:embed *.json
var Files embed.FS
