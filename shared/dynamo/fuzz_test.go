package dynamo

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// kinds is how many kinds of value attributeFrom makes.
const kinds = 9

// attributeFrom makes an attribute out of the bytes that a fuzz target was given, and returns the
// bytes that are left.
func attributeFrom(names []string, raw []byte, deep int) (types.AttributeValue, []byte) {
	if len(raw) < 2 {
		return &types.AttributeValueMemberNULL{Value: true}, nil
	}
	kind, size := raw[0]%kinds, min(int(raw[1]), len(raw)-2)
	text, left := string(raw[2:2+size]), raw[2+size:]
	switch kind {
	case 0:
		return &types.AttributeValueMemberS{Value: text}, left
	case 1:
		return &types.AttributeValueMemberN{Value: text}, left
	case 2:
		return &types.AttributeValueMemberBOOL{Value: size > 0}, left
	case 3:
		return &types.AttributeValueMemberB{Value: []byte(text)}, left
	case 4:
		return &types.AttributeValueMemberSS{Value: []string{text}}, left
	case 5:
		return &types.AttributeValueMemberBS{Value: [][]byte{[]byte(text)}}, left
	case 6, 7:
		if deep > 3 {
			break
		}
		inner := []byte(text)
		if kind == 6 {
			var list []types.AttributeValue
			for len(inner) > 0 {
				var v types.AttributeValue
				v, inner = attributeFrom(names, inner, deep+1)
				list = append(list, v)
			}
			return &types.AttributeValueMemberL{Value: list}, left
		}
		return &types.AttributeValueMemberM{Value: itemFrom(names, inner, deep+1)}, left
	}
	return &types.AttributeValueMemberNULL{Value: true}, left
}

func itemFrom(names []string, raw []byte, deep int) item {
	i := item{}
	for len(raw) > 1 {
		name := names[int(raw[0])%len(names)]
		i[name], raw = attributeFrom(names, raw[1:], deep)
	}
	return i
}

// attributeNames returns the names of all attributes that the product's items have.
var attributeNames = sync.OnceValue(func() []string {
	t := &testing.T{}
	all := map[string]bool{}
	for _, i := range []item{
		encodeRelease(filled[release.Release](t)), encodeChange(filled[release.Change](t)), encodeTask(filled[release.Task](t)), encodeLink("R", filled[release.LinkedChange](t)),
		encodeHold("R", filled[release.Hold](t)), encodeMail(filled[mail.Mail](t)), entryItem("LOG#R", "R", noteSort(1, 12), filled[release.LogEntry](t), Write{}),
		{"public": nil, "publicHistory": nil, "n": nil, "hash": nil, "size": nil, "bytes": nil, "values": nil, "until": nil, "answer": nil},
	} {
		var walk func(types.AttributeValue)
		walk = func(v types.AttributeValue) {
			switch v := v.(type) {
			case *types.AttributeValueMemberM:
				for name, inner := range v.Value {
					all[name] = true
					walk(inner)
				}
			case *types.AttributeValueMemberL:
				for _, inner := range v.Value {
					walk(inner)
				}
			}
		}
		walk(&types.AttributeValueMemberM{Value: i})
	}
	return slices.Sorted(maps.Keys(all))
})

// FuzzItem: reading an item returns a value and never panics, whatever attributes it has and of
// whatever types. So an item that somebody or another version wrote does no harm to others.
func FuzzItem(f *testing.F) {
	for kind := range byte(kinds) {
		var raw []byte
		for name := range byte(120) {
			raw = append(raw, name, kind, 6, 0, 4, 0, 'x', 0, 1)
		}
		f.Add(raw)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		i := itemFrom(attributeNames(), raw, 0)
		r := decodeRelease(i)
		_ = withProgress(i, i)
		_ = decodeRelease(encodeRelease(r))
		_ = decodeTask(encodeTask(decodeTask(i)))
		_ = decodeChange(encodeChange(decodeChange(i)))
		_ = decodeLink(encodeLink("R", decodeLink(i)))
		_ = decodeHold(encodeHold("R", decodeHold(i)))
		_ = decodeMail(encodeMail(decodeMail(i)))
		_ = decodeRecipientState(i)
		_ = decodeEntry(t.Context(), i)
		_ = decodeChangeEntry(t.Context(), i)
		_ = decodePublished(i)
		_ = decodeHead(i)
		_ = decodeRecord(i)
		_ = decodeLogCounter(i)
		_ = decodeSlot(1, i)
		_ = decodeJob(mail.JobKey{}, i)
	})
}
