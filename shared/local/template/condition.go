package template

import (
	"errors"
	"fmt"
)

// condition evaluates a named condition once.
func (r *resolver) condition(name string) (bool, error) {
	if v, known := r.conditions[name]; known {
		return v, nil
	}
	section, _ := r.root.get("Conditions").(*mapping)
	n := section.get(name)
	if n == nil {
		return false, fmt.Errorf("there is no condition %q", name)
	}
	if r.visiting[name] {
		return false, fmt.Errorf("the condition %q rests on itself", name)
	}
	r.visiting[name] = true
	defer delete(r.visiting, name)
	v, err := r.truth(n)
	if err != nil {
		return false, fmt.Errorf("condition %s: %w", name, err)
	}
	r.conditions[name] = v
	return v, nil
}

func (r *resolver) truth(n node) (bool, error) {
	// Inside a condition, {Condition: Name} is the long form of !Condition Name.
	if m, ok := n.(*mapping); ok && len(m.keys) == 1 && m.keys[0] == "Condition" {
		n = intrinsic{name: "Condition", arg: m.values["Condition"]}
	}
	f, ok := n.(intrinsic)
	if !ok {
		return false, errors.New("a condition function is wanted")
	}
	if f.name == "Condition" {
		name, _ := f.arg.(string)
		return r.condition(name)
	}
	list, _ := f.arg.([]node)
	switch f.name {
	case "Equals":
		if len(list) != 2 {
			return false, errors.New("!Equals wants two values")
		}
		a, errA := r.resolve(list[0])
		b, errB := r.resolve(list[1])
		textA, okA := scalar(a)
		textB, okB := scalar(b)
		if err := errors.Join(errA, errB); err != nil || !okA || !okB {
			return false, errors.Join(err, errors.New("!Equals compares texts"))
		}
		return textA == textB, nil
	case "Not":
		if len(list) != 1 {
			return false, errors.New("!Not wants one condition")
		}
		v, err := r.truth(list[0])
		return !v, err
	case "And", "Or":
		result := f.name == "And"
		for _, item := range list {
			v, err := r.truth(item)
			if err != nil {
				return false, err
			}
			if f.name == "And" {
				result = result && v
			} else {
				result = result || v
			}
		}
		return result, nil
	}
	return false, fmt.Errorf("the condition function %s is not understood here", f.name)
}
