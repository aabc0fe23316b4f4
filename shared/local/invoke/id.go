package invoke

import (
	"crypto/rand"
	"fmt"
)

// Account is the AWS account that everything on the laptop pretends to be in.
const Account = "000000000000"

// RequestID returns an id in the form of AWS's request ids.
func RequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
