package template

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// node is a value of the file: nil, a string, int, float64, bool, []node, *mapping
// or an intrinsic function that is not evaluated yet.
type node any

type mapping struct {
	keys   []string // in the order of the file
	values map[string]node
}

func (m *mapping) get(key string) node {
	if m == nil {
		return nil
	}
	return m.values[key]
}

// intrinsic is a CloudFormation function, whether written !Sub or Fn::Sub.
type intrinsic struct {
	name string // without ! and Fn::
	arg  node
	line int
}

func parseYAML(text []byte) (*mapping, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, fmt.Errorf("one YAML document is wanted, not %d", len(file.Docs))
	}
	root, err := convert(file.Docs[0].Body)
	if err != nil {
		return nil, err
	}
	m, ok := root.(*mapping)
	if !ok {
		return nil, fmt.Errorf("a mapping is wanted at the top")
	}
	return m, nil
}

func convert(n ast.Node) (node, error) {
	switch n := n.(type) {
	case *ast.NullNode:
		return nil, nil
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.BoolNode:
		return n.Value, nil
	case *ast.FloatNode:
		return n.Value, nil
	case *ast.IntegerNode:
		switch v := n.Value.(type) {
		case int64:
			return int(v), nil
		case uint64:
			return int(v), nil
		}
	case *ast.SequenceNode:
		list := make([]node, 0, len(n.Values))
		for _, item := range n.Values {
			v, err := convert(item)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case *ast.MappingValueNode:
		return convertMapping([]*ast.MappingValueNode{n})
	case *ast.MappingNode:
		return convertMapping(n.Values)
	case *ast.TagNode:
		if !strings.HasPrefix(n.Start.Value, "!") || strings.HasPrefix(n.Start.Value, "!!") {
			break
		}
		arg, err := convert(n.Value)
		if err != nil {
			return nil, err
		}
		return intrinsic{strings.TrimPrefix(n.Start.Value, "!"), arg, line(n)}, nil
	}
	// Anchors, aliases, merge keys and dates: nobody needs them in a template.
	return nil, fmt.Errorf("line %d: the YAML construct %s is not understood here", line(n), n.Type())
}

func convertMapping(pairs []*ast.MappingValueNode) (node, error) {
	m := &mapping{values: make(map[string]node, len(pairs))}
	for _, pair := range pairs {
		k, err := convert(pair.Key)
		if err != nil {
			return nil, err
		}
		// A path or a status code as a key may look like a number to YAML.
		key, ok := k.(string)
		if !ok {
			key = pair.Key.String()
		}
		if _, twice := m.values[key]; twice {
			return nil, fmt.Errorf("line %d: the key %q is there twice", line(pair), key)
		}
		v, err := convert(pair.Value)
		if err != nil {
			return nil, err
		}
		m.keys = append(m.keys, key)
		m.values[key] = v
	}
	if len(m.keys) == 1 {
		key := m.keys[0]
		if name, ok := strings.CutPrefix(key, "Fn::"); ok || key == "Ref" {
			return intrinsic{name, m.values[key], line(pairs[0])}, nil
		}
	}
	return m, nil
}

func line(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
