package record

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint identifies the tree as it was at some time: whoever keeps one can check later
// that the tree of that time is still a prefix of the current one. As text it has three lines,
// each ending in a newline, as in https://c2sp.org/tlog-checkpoint, but unsigned:
//
//	releases-record/<installation>/<generation>
//	<number of leaves>
//	<root of the tree, in base64>
type Checkpoint struct {
	Origin Origin
	Size   int64
	Root   tlog.Hash
}

// Origin says whose tree it is.
type Origin struct {
	// Installation is a random name, chosen when the tree is begun: no two trees share it.
	Installation string
	// Generation counts from 1. It is raised when a table has been restored to an earlier
	// point in time: what was sealed after that point is no longer in the tree.
	Generation int
}

const originPrefix = "releases-record/"

// String is the first line of a checkpoint.
func (o Origin) String() string {
	return originPrefix + o.Installation + "/" + strconv.Itoa(o.Generation)
}

// ParseOrigin reads the first line of a checkpoint.
func ParseOrigin(line string) (Origin, error) {
	name, isOurs := strings.CutPrefix(line, originPrefix)
	installation, generation, _ := strings.Cut(name, "/")
	n, err := strconv.Atoi(generation)
	o := Origin{Installation: installation, Generation: n}
	if !isOurs || installation == "" || err != nil || n < 1 || o.String() != line {
		return Origin{}, fmt.Errorf("record: %q is not the origin of a record: that is %s<installation>/<generation>", line, originPrefix)
	}
	return o, nil
}

// String is the checkpoint as text.
func (c Checkpoint) String() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root)
}

// ParseCheckpoint reads a checkpoint. Lines after the third, such as signatures, are ignored.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 {
		return Checkpoint{}, errors.New("record: a checkpoint has three lines, and each ends in a newline: origin, size, root")
	}
	origin, err := ParseOrigin(lines[0])
	if err != nil {
		return Checkpoint{}, err
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("record: %q is not the size of a tree", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil || root.String() != lines[2] { // base64 has bits to spare, in which two texts of one hash differ
		return Checkpoint{}, fmt.Errorf("record: %q is not the root of a tree: that is 32 bytes in base64", lines[2])
	}
	return Checkpoint{Origin: origin, Size: size, Root: root}, nil
}
