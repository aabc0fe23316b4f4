package openapi

// hidden are the characters that are refused in any text, as part of a character class.
// Those that are allowed in some texts (joiners, marks, variation selectors) are not here:
// a schema is never stricter than the service, and the description says the rest.
const hidden = `\u007f-\u009f\u034f\u115f\u1160\u17b4\u17b5\u180e\u2028-\u202e\u2060-\u206f\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff`

// lineText and proseText match texts of one line and of several; someLine and someProse,
// those that must not be blank. A carriage return is allowed only before a line feed.
const (
	inLine    = `[^\u0000-\u001f` + hidden + `]`
	inProse   = `(?:[^\u0000-\u0008\u000b-\u001f` + hidden + `]|\r\n)`
	ink       = `[^\s\u0000-\u001f\u200b-\u200f\u2800` + hidden + `]`
	lineText  = `^` + inLine + `*$`
	proseText = `^` + inProse + `*$`
	someLine  = `^` + inLine + `*` + ink + inLine + `*$`
	someProse = `^` + inProse + `*` + ink + inProse + `*$`

	// ciText matches the ids of configuration items: neither end is white space.
	ciText = `^` + ink + `(?:` + inLine + `*` + ink + `)?$`

	// emailText is RFC 5321's Dot-string and a host name, plain or internationalised.
	atom      = `[A-Za-z0-9!#$%&'*+/=?^_\x60{|}~-]+`
	hostLabel = `[A-Za-z0-9\u0080-\uffff](?:[A-Za-z0-9\u0080-\uffff-]{0,61}[A-Za-z0-9\u0080-\uffff])?`
	emailText = `^` + atom + `(?:[.]` + atom + `)*@(?:` + hostLabel + `[.])+` + hostLabel + `$`
)
