package dynamo

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/glyph"
	"example.com/releases/shared/release"
)

// Attributes are written and read without reflection. Why not the SDK's attributevalue:
// for a release it takes three times the instructions, on every request. The fields of an
// item are listed once for writing, reading and editing, see fields.go.

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
}

func boolean(b bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: b} }

// set is a string set; DynamoDB has no empty one, so callers leave it out then.
func set(ids []string) types.AttributeValue { return &types.AttributeValueMemberSS{Value: ids} }

func secondsValue(t time.Time) types.AttributeValue { return text(release.FormatTime(t)) }

// millisValue is a time to the millisecond, of a fixed width, so that it sorts as text.
func millisValue(t time.Time) types.AttributeValue {
	return text(t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

func stringListValue(all []string) types.AttributeValue {
	l := make([]types.AttributeValue, len(all))
	for i, s := range all {
		l[i] = text(s)
	}
	return &types.AttributeValueMemberL{Value: l}
}

// str reads a text without invisible characters: older rows hold what is refused today,
// and every surface shows what is read here. What identifies something (keys, addresses)
// is read verbatim.
func str(i item, name string) string { return glyph.Clean(verbatim(i, name)) }

func verbatim(i item, name string) string {
	if v, ok := i[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func num(i item, name string) int {
	if v, ok := i[name].(*types.AttributeValueMemberN); ok {
		n, _ := strconv.Atoi(v.Value)
		return n
	}
	return 0
}

func boolOf(i item, name string) bool {
	v, ok := i[name].(*types.AttributeValueMemberBOOL)
	return ok && v.Value
}

func bytesOf(i item, name string) []byte {
	if v, ok := i[name].(*types.AttributeValueMemberB); ok {
		return v.Value
	}
	return nil
}

// stringSetOf reads a string set, sorted: DynamoDB promises no order.
func stringSetOf(i item, name string) []string {
	v, ok := i[name].(*types.AttributeValueMemberSS)
	if !ok {
		return nil
	}
	sorted := append([]string(nil), v.Value...)
	sort.Strings(sorted)
	return sorted
}

func stringListOf(i item, name string) []string {
	all := []string{}
	for _, v := range listOf(i, name) {
		if s, ok := v.(*types.AttributeValueMemberS); ok {
			all = append(all, s.Value)
		}
	}
	return all
}

func listOf(i item, name string) []types.AttributeValue {
	if v, ok := i[name].(*types.AttributeValueMemberL); ok {
		return v.Value
	}
	return nil
}

func mapOf(i item, name string) item {
	if v, ok := i[name].(*types.AttributeValueMemberM); ok {
		return v.Value
	}
	return nil
}

func mapsOf(i item, name string) []item {
	var all []item
	for _, v := range listOf(i, name) {
		if m, ok := v.(*types.AttributeValueMemberM); ok {
			all = append(all, m.Value)
		}
	}
	return all
}

func timeOf(i item, name string) time.Time {
	t, _ := time.Parse(time.RFC3339, str(i, name))
	return t
}

func optionalTimeOf(i item, name string) *time.Time {
	t, err := time.Parse(time.RFC3339, str(i, name))
	if err != nil {
		return nil
	}
	return &t
}

func has(i item, name string) bool {
	_, ok := i[name]
	return ok
}

// expression collects the parts of an update or a condition. Every attribute is named
// through a placeholder: many of the obvious names are reserved words.
type expression struct {
	names                        map[string]string
	values                       item
	sets, removes, adds, deletes []string
	conditions                   []string
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, values: item{}}
}

func (e *expression) name(attribute string) string {
	placeholder := "#" + attribute
	e.names[placeholder] = attribute
	return placeholder
}

func (e *expression) value(v types.AttributeValue) string {
	placeholder := ":v" + strconv.Itoa(len(e.values))
	e.values[placeholder] = v
	return placeholder
}

func (e *expression) set(attribute string, v types.AttributeValue) *expression {
	e.sets = append(e.sets, e.name(attribute)+" = "+e.value(v))
	return e
}

// copyFrom sets one attribute to the value that another has at the time of the write.
func (e *expression) copyFrom(attribute, source string) *expression {
	e.sets = append(e.sets, e.name(attribute)+" = "+e.name(source))
	return e
}

// copyNumber is copyFrom for a number that may be missing, which is zero.
func (e *expression) copyNumber(attribute, source string) *expression {
	e.sets = append(e.sets, e.name(attribute)+" = if_not_exists("+e.name(source)+", "+e.value(number(0))+")")
	return e
}

// appendTo appends to a list, which need not exist yet. Without values it does nothing.
func (e *expression) appendTo(attribute string, all ...types.AttributeValue) *expression {
	if len(all) > 0 {
		n := e.name(attribute)
		e.sets = append(e.sets, n+" = list_append(if_not_exists("+n+", "+e.value(&types.AttributeValueMemberL{})+"), "+
			e.value(&types.AttributeValueMemberL{Value: all})+")")
	}
	return e
}

func (e *expression) remove(attribute string) *expression {
	e.removes = append(e.removes, e.name(attribute))
	return e
}

func (e *expression) add(attribute string, v types.AttributeValue) *expression {
	e.adds = append(e.adds, e.name(attribute)+" "+e.value(v))
	return e
}

func (e *expression) deleteFrom(attribute string, v types.AttributeValue) *expression {
	e.deletes = append(e.deletes, e.name(attribute)+" "+e.value(v))
	return e
}

func (e *expression) compare(attribute, operator string, v types.AttributeValue) *expression {
	e.conditions = append(e.conditions, e.name(attribute)+" "+operator+" "+e.value(v))
	return e
}

func (e *expression) equal(attribute string, v types.AttributeValue) *expression {
	return e.compare(attribute, "=", v)
}

func (e *expression) less(attribute, than string) *expression {
	e.conditions = append(e.conditions, e.name(attribute)+" < "+e.name(than))
	return e
}

func (e *expression) contains(attribute string, v types.AttributeValue) *expression {
	e.conditions = append(e.conditions, "contains("+e.name(attribute)+", "+e.value(v)+")")
	return e
}

func (e *expression) exists(attribute string) *expression {
	e.conditions = append(e.conditions, "attribute_exists("+e.name(attribute)+")")
	return e
}

func (e *expression) absent(attribute string) *expression {
	e.conditions = append(e.conditions, "attribute_not_exists("+e.name(attribute)+")")
	return e
}

func (e *expression) update() *string {
	var b strings.Builder
	for _, part := range []struct {
		verb  string
		terms []string
	}{{"SET", e.sets}, {"REMOVE", e.removes}, {"ADD", e.adds}, {"DELETE", e.deletes}} {
		if len(part.terms) > 0 {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(part.verb + " " + strings.Join(part.terms, ", "))
		}
	}
	return aws.String(b.String())
}

func (e *expression) condition() *string {
	if len(e.conditions) == 0 {
		return nil
	}
	return aws.String(strings.Join(e.conditions, " AND "))
}

func (e *expression) boundValues() item {
	if len(e.values) == 0 {
		return nil
	}
	return e.values
}

func (e *expression) boundNames() map[string]string {
	if len(e.names) == 0 {
		return nil
	}
	return e.names
}
