package template

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// resolver evaluates intrinsic functions. A reference to a resource becomes its
// logical id, so that whoever reads the model sees names and not addresses.
type resolver struct {
	root       *mapping
	values     map[string]string // parameters and pseudo parameters
	resourceOf map[string]*mapping
	conditions map[string]bool
	visiting   map[string]bool // conditions under evaluation, to refuse a cycle
}

// noValue is what !Ref AWS::NoValue gives: the property or list item vanishes.
type noValue struct{}

// pseudo are the pseudo parameters as they are where nothing is deployed.
var pseudo = map[string]string{
	"AWS::AccountId": "000000000000",
	"AWS::Partition": "aws",
	"AWS::Region":    "us-east-1",
	"AWS::StackId":   "arn:aws:cloudformation:us-east-1:000000000000:stack/releases/local",
	"AWS::StackName": "releases",
	"AWS::URLSuffix": "amazonaws.com",
}

// sections are the top-level keys; any other may change what is deployed.
var sections = []string{"AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Conditions", "Globals", "Resources", "Outputs"}

func newResolver(root *mapping, given map[string]string) (*resolver, []Parameter, error) {
	for _, key := range root.keys {
		if !slices.Contains(sections, key) {
			return nil, nil, fmt.Errorf("the section %q is not understood here", key)
		}
	}
	r := &resolver{
		root: root, values: make(map[string]string), resourceOf: make(map[string]*mapping),
		conditions: make(map[string]bool), visiting: make(map[string]bool),
	}
	for k, v := range pseudo {
		r.values[k] = v
	}
	parameters, err := r.parameters()
	if err != nil {
		return nil, nil, err
	}
	for name, value := range given {
		if err := r.override(parameters, name, value); err != nil {
			return nil, nil, err
		}
	}
	resources, ok := root.get("Resources").(*mapping)
	if !ok {
		return nil, nil, errors.New("there is no section Resources")
	}
	for _, id := range resources.keys {
		res, ok := resources.values[id].(*mapping)
		if !ok {
			return nil, nil, fmt.Errorf("resource %s is no mapping", id)
		}
		r.resourceOf[id] = res
	}
	return r, parameters, nil
}

// resources resolves all resources whose condition holds.
func (r *resolver) resources() ([]Resource, error) {
	var list []Resource
	var problems []error
	for _, id := range slices.Sorted(maps.Keys(r.resourceOf)) {
		m := r.resourceOf[id]
		if c := m.get("Condition"); c != nil {
			name, _ := c.(string)
			holds, err := r.condition(name)
			if err != nil {
				problems = append(problems, fmt.Errorf("resource %s: %w", id, err))
			}
			if err != nil || !holds {
				continue
			}
		}
		v, err := r.resolve(m)
		if err != nil {
			problems = append(problems, fmt.Errorf("resource %s: %w", id, err))
			continue
		}
		attributes := v.(map[string]any)
		res := Resource{LogicalID: id, Attributes: attributes}
		res.Type, _ = attributes["Type"].(string)
		res.Properties, _ = attributes["Properties"].(map[string]any)
		if res.Type == "" {
			problems = append(problems, fmt.Errorf("resource %s has no Type", id))
		}
		delete(attributes, "Type")
		delete(attributes, "Properties")
		delete(attributes, "Condition")
		list = append(list, res)
	}
	return list, errors.Join(problems...)
}

func (r *resolver) outputs() (map[string]string, error) {
	section, _ := r.root.get("Outputs").(*mapping)
	outputs := make(map[string]string)
	if section == nil {
		return outputs, nil
	}
	for _, name := range section.keys {
		m, _ := section.values[name].(*mapping)
		if c, ok := m.get("Condition").(string); ok {
			holds, err := r.condition(c)
			if err != nil {
				return nil, fmt.Errorf("output %s: %w", name, err)
			}
			if !holds {
				continue
			}
		}
		v, err := r.resolve(m.get("Value"))
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		text, ok := scalar(v)
		if !ok {
			return nil, fmt.Errorf("output %s: the value is no text", name)
		}
		outputs[name] = text
	}
	return outputs, nil
}

// globals are the properties that all functions share. A Globals section for
// anything else is refused rather than forgotten.
func (r *resolver) globals() (map[string]any, error) {
	v, err := r.resolve(r.root.get("Globals"))
	if err != nil {
		return nil, fmt.Errorf("section Globals: %w", err)
	}
	all, _ := v.(map[string]any)
	for kind := range all {
		if kind != "Function" {
			return nil, fmt.Errorf("section Globals.%s is not understood here; write it at the resource", kind)
		}
	}
	functions, _ := all["Function"].(map[string]any)
	return functions, nil
}

func (r *resolver) resolve(n node) (any, error) {
	switch n := n.(type) {
	case []node:
		list := make([]any, 0, len(n))
		for _, item := range n {
			v, err := r.resolve(item)
			if err != nil {
				return nil, err
			}
			if _, gone := v.(noValue); !gone {
				list = append(list, v)
			}
		}
		return list, nil
	case *mapping:
		m := make(map[string]any, len(n.keys))
		for _, key := range n.keys {
			v, err := r.resolve(n.values[key])
			if err != nil {
				return nil, err
			}
			if _, gone := v.(noValue); !gone {
				m[key] = v
			}
		}
		return m, nil
	case intrinsic:
		v, err := r.call(n)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n.line, err)
		}
		return v, nil
	default:
		return n, nil
	}
}

func (r *resolver) call(f intrinsic) (any, error) {
	switch f.name {
	case "Ref":
		name, _ := f.arg.(string)
		return r.ref(name)
	case "GetAtt":
		return r.getAtt(f.arg)
	case "Sub":
		return r.sub(f.arg)
	case "Join":
		return r.join(f.arg)
	case "If":
		list, _ := f.arg.([]node)
		if len(list) != 3 {
			return nil, errors.New("!If wants a condition and two values")
		}
		name, _ := list[0].(string)
		holds, err := r.condition(name)
		if err != nil {
			return nil, err
		}
		if holds {
			return r.resolve(list[1])
		}
		return r.resolve(list[2])
	case "Equals", "Not", "And", "Or", "Condition":
		return r.truth(f)
	}
	return nil, fmt.Errorf("the function %s is not understood here", f.name)
}

func (r *resolver) ref(name string) (any, error) {
	if name == "AWS::NoValue" {
		return noValue{}, nil
	}
	if v, ok := r.values[name]; ok {
		return v, nil
	}
	if err := r.exists(name); err != nil {
		return nil, err
	}
	return name, nil
}

// exists refuses a reference to a resource that is not there, or not there under
// the present parameters: CloudFormation would refuse the deployment.
func (r *resolver) exists(id string) error {
	m, ok := r.resourceOf[id]
	if !ok {
		return fmt.Errorf("%q is neither a parameter nor a resource", id)
	}
	name, ok := m.get("Condition").(string)
	if !ok {
		return nil
	}
	holds, err := r.condition(name)
	if err == nil && !holds {
		err = fmt.Errorf("the resource %q is not there, because its condition %s does not hold", id, name)
	}
	return err
}

func (r *resolver) getAtt(arg node) (any, error) {
	var id, attribute string
	switch a := arg.(type) {
	case string:
		id, attribute, _ = strings.Cut(a, ".")
	case []node:
		if len(a) == 2 {
			id, _ = a[0].(string)
			attribute, _ = a[1].(string)
		}
	}
	if id == "" || attribute == "" {
		return nil, errors.New("!GetAtt wants a resource and an attribute")
	}
	if err := r.exists(id); err != nil {
		return nil, err
	}
	return id + "." + attribute, nil
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

func (r *resolver) sub(arg node) (any, error) {
	own := &mapping{}
	if list, ok := arg.([]node); ok {
		if len(list) != 2 {
			return nil, errors.New("!Sub wants a text, or a text and its variables")
		}
		arg = list[0]
		if own, ok = list[1].(*mapping); !ok {
			return nil, errors.New("!Sub: the variables are no mapping")
		}
	}
	text, ok := arg.(string)
	if !ok {
		return nil, errors.New("!Sub wants a text")
	}
	var failed error
	out := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		var v any
		var err error
		switch {
		case own.get(name) != nil:
			v, err = r.resolve(own.get(name))
		case strings.Contains(name, ".") && !strings.Contains(name, "::"):
			v, err = r.getAtt(name)
		default:
			v, err = r.ref(name)
		}
		text, ok := scalar(v)
		if err == nil && !ok {
			err = fmt.Errorf("!Sub: %s is no text", name)
		}
		failed = errors.Join(failed, err)
		return text
	})
	return out, failed
}

func (r *resolver) join(arg node) (any, error) {
	list, _ := arg.([]node)
	if len(list) != 2 {
		return nil, errors.New("!Join wants a separator and a list")
	}
	separator, _ := list[0].(string)
	v, err := r.resolve(list[1])
	if err != nil {
		return nil, err
	}
	items, ok := v.([]any)
	if !ok {
		return nil, errors.New("!Join wants a list")
	}
	texts := make([]string, 0, len(items))
	for _, item := range items {
		text, ok := scalar(item)
		if !ok {
			return nil, errors.New("!Join: an item is no text")
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, separator), nil
}

// scalar gives the text of a scalar as CloudFormation would.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int:
		return strconv.Itoa(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
