package template

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

func (r *resolver) parameters() ([]Parameter, error) {
	section, _ := r.root.get("Parameters").(*mapping)
	if section == nil {
		return nil, nil
	}
	var list []Parameter
	var problems problems
	for _, name := range section.keys {
		m, err := r.resolve(section.values[name])
		if err != nil {
			return nil, err
		}
		o := newObject(&problems, "Parameters."+name, m)
		p := Parameter{Name: name, Type: o.str("Type"), Description: o.str("Description"), AllowedPattern: o.str("AllowedPattern"), AllowedValues: o.strs("AllowedValues")}
		_, p.HasDefault = o.m["Default"]
		p.Default = o.str("Default")
		o.ignore("ConstraintDescription", "MinLength", "MaxLength", "MinValue", "MaxValue", "NoEcho")
		o.done()
		// A parameter without a default has to be answered on AWS; here it is empty.
		r.values[name] = p.Default
		list = append(list, p)
	}
	return list, errors.Join(problems...)
}

func (r *resolver) override(parameters []Parameter, name, value string) error {
	if _, ok := pseudo[name]; ok {
		r.values[name] = value
		return nil
	}
	for _, p := range parameters {
		if p.Name != name {
			continue
		}
		if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, value) {
			return fmt.Errorf("the parameter %s may be %s, not %q", name, strings.Join(p.AllowedValues, ", "), value)
		}
		if p.AllowedPattern != "" {
			re, err := regexp.Compile("^(?:" + p.AllowedPattern + ")$")
			if err != nil {
				return fmt.Errorf("the pattern of the parameter %s: %w", name, err)
			}
			if !re.MatchString(value) {
				return fmt.Errorf("the parameter %s must match %s; %q does not", name, p.AllowedPattern, value)
			}
		}
		r.values[name] = value
		return nil
	}
	return fmt.Errorf("there is no parameter %q", name)
}
