package template

func readTable(o *object, id string) Table {
	t := Table{LogicalID: id}
	for _, a := range o.objects("AttributeDefinitions") {
		t.Attributes = append(t.Attributes, Attribute{a.need("AttributeName"), a.oneOf("AttributeType", "S", "N", "B")})
		a.done()
	}
	t.Key = readKey(o)
	for _, x := range o.objects("GlobalSecondaryIndexes") {
		projection := x.object("Projection")
		t.Indexes = append(t.Indexes, Index{
			Name:       x.need("IndexName"),
			Key:        readKey(x),
			Projection: projection.oneOf("ProjectionType", "ALL", "KEYS_ONLY", "INCLUDE"),
			Include:    projection.strs("NonKeyAttributes"),
		})
		projection.done()
		x.ignore("OnDemandThroughput", "ContributorInsightsSpecification")
		x.done()
	}
	if o.has("StreamSpecification") {
		s := o.object("StreamSpecification")
		t.StreamView = s.oneOf("StreamViewType", "NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY")
		s.done()
	}
	if o.has("TimeToLiveSpecification") {
		s := o.object("TimeToLiveSpecification")
		if s.boolean("Enabled", false) {
			t.TTL = s.need("AttributeName")
		}
		s.ignore("AttributeName")
		s.done()
	}
	o.oneOf("BillingMode", "PAY_PER_REQUEST")
	o.ignore("TableName", "PointInTimeRecoverySpecification", "SSESpecification", "DeletionProtectionEnabled", "Tags", "TableClass", "ContributorInsightsSpecification", "OnDemandThroughput")
	o.done()

	keys := []Key{t.Key}
	for _, x := range t.Indexes {
		keys = append(keys, x.Key)
	}
	defined, used := make(map[string]bool), make(map[string]bool)
	for _, a := range t.Attributes {
		defined[a.Name] = true
	}
	for _, k := range keys {
		for _, name := range []string{k.Hash, k.Range} {
			used[name] = true
			if name != "" && !defined[name] {
				o.problems.add(o.path, "has the key attribute %s without a definition", name)
			}
		}
	}
	for _, a := range t.Attributes {
		if !used[a.Name] {
			o.problems.add(o.path, "defines the attribute %s, which is in no key; DynamoDB refuses that", a.Name)
		}
	}
	return t
}

func readKey(o *object) Key {
	var k Key
	for _, part := range o.objects("KeySchema") {
		name := part.need("AttributeName")
		if part.oneOf("KeyType", "HASH", "RANGE") == "HASH" {
			k.Hash = name
		} else {
			k.Range = name
		}
		part.done()
	}
	if k.Hash == "" {
		o.problems.add(o.path+".KeySchema", "names no HASH key")
	}
	return k
}
