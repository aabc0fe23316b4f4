// Package version says which version of Releases this is: the OpenAPI document, the MCP server, log lines and the user
// agent of every client of ours tell it. It must not know anything else.
//
// It is a constant rather than what the Go toolchain stamps, because functions are built with -buildvcs=false, so that
// the same source gives the same bytes wherever it is built.
package version

// Number is the version, as in the newest heading of CHANGELOG.md (a test compares them). Between two releases of the
// product it is the next one's with -dev behind it. CONTRIBUTING.md tells how it is raised.
const Number = "1.0.0"

// UserAgent is how Releases names itself to servers that it calls.
const UserAgent = "releases/" + Number
