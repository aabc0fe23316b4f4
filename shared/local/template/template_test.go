package template

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sample has one of everything that the package understands.
const sample = `
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Issuer: {Type: String, AllowedPattern: "https://.+", Description: who signs}
  Architecture: {Type: String, Default: arm64, AllowedValues: [arm64, x86_64]}
  Days: {Type: Number, Default: 90}
  Extra: {Type: String, Default: "no", AllowedValues: ["yes", "no"]}
Conditions:
  HasExtra: !Equals [!Ref Extra, "yes"]
  Neither: !And [!Not [!Condition HasExtra], !Or [!Equals [a, b], {"Fn::Equals": [!Ref Days, 90]}]]
Globals:
  Function:
    Runtime: provided.al2023
    Handler: bootstrap
    Architectures: [!Ref Architecture]
    Timeout: 15
    MemorySize: 256
    Environment:
      Variables: {SHARED: everywhere, OWN: from the globals}
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      Auth:
        DefaultAuthorizer: Token
        Authorizers:
          Token:
            FunctionArn: !GetAtt Authorize.Arn
            FunctionPayloadType: REQUEST
            Identity: {Headers: [Authorization], ReauthorizeEvery: 60}
      GatewayResponses:
        UNAUTHORIZED:
          StatusCode: 401
          ResponseParameters:
            Headers: {WWW-Authenticate: "'Bearer realm=\"x\"'"}
          ResponseTemplates: {application/json: '{"status":401}'}
  Authorize:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: go1.x}
    Properties:
      CodeUri: functions/authorize/
  GetThing:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: go1.x}
    Properties:
      CodeUri: functions/get-thing/
      MemorySize: 512
      Environment:
        Variables:
          OWN: its own
          TABLE: !Ref Things
          DAYS: !Ref Days
          ISSUER: !Ref Issuer
          URL: !Sub "https://${Api}.${AWS::Region}.example/${!Literal}"
          WHO: !Sub ["${Name}-${Days}", {Name: !Ref Architecture}]
          EXTRA: !If [HasExtra, !Ref Extra, !Ref "AWS::NoValue"]
          NEITHER: !If [Neither, "1", "0"]
          JOINED: !Join ["/", [a, !Ref Days]]
      Policies:
        - Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Action: dynamodb:Query
              Resource: [!GetAtt Things.Arn, !Sub "${Things.Arn}/index/byOwner"]
      Events:
        Api:
          Type: Api
          Properties: {RestApiId: !Ref Api, Method: get, Path: "/things/{id}"}
        Open:
          Type: Api
          Properties: {RestApiId: !Ref Api, Method: GET, Path: /open, Auth: {Authorizer: NONE}}
  Follow:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: go1.x}
    Properties:
      CodeUri: functions/follow/
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}}
      Events:
        Things:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Things.StreamArn
            StartingPosition: TRIM_HORIZON
            BatchSize: 10
            MaximumBatchingWindowInSeconds: 2
            ParallelizationFactor: 4
            MaximumRecordAgeInSeconds: 3600
            FunctionResponseTypes: [ReportBatchItemFailures]
            BisectBatchOnFunctionError: true
            MaximumRetryAttempts: 20
            FilterCriteria: {Filters: [{Pattern: '{"dynamodb":{"NewImage":{"op":{"S":["done"]}}}}'}]}
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}}
        Plain:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Things.StreamArn, StartingPosition: LATEST}
        Every:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: rate(10 minutes)
            RetryPolicy: {MaximumRetryAttempts: 3}
            DeadLetterConfig: {Arn: !GetAtt Dead.Arn}
        Off:
          Type: ScheduleV2
          Properties: {ScheduleExpression: rate(1 hour), State: DISABLED}
        Mails:
          Type: EventBridgeRule
          Properties:
            Pattern: {source: [aws.ses], detail: {eventType: [Bounce, Complaint]}}
        Own:
          Type: EventBridgeRule
          Properties: {EventBusName: !Ref Bus, Pattern: {source: [things]}}
  Things:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: pk, AttributeType: S}
        - {AttributeName: owner, AttributeType: S}
        - {AttributeName: at, AttributeType: N}
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      GlobalSecondaryIndexes:
        - IndexName: byOwner
          KeySchema: [{AttributeName: owner, KeyType: HASH}, {AttributeName: at, KeyType: RANGE}]
          Projection: {ProjectionType: INCLUDE, NonKeyAttributes: [name]}
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
      TimeToLiveSpecification: {AttributeName: expiresAt, Enabled: true}
  Dead: {Type: AWS::SQS::Queue}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: !Ref "AWS::StackName"}}
  Only:
    Type: AWS::SNS::Topic
    Condition: HasExtra
Outputs:
  Url: {Value: !Sub "https://${Api}/live"}
  Extra: {Condition: HasExtra, Value: !Ref Only}
`

func parse(t *testing.T, values map[string]string) *Template {
	t.Helper()
	tmpl, err := Parse([]byte(sample), values)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %#v\nwant %#v", what, got, want)
	}
}

func TestFunctions(t *testing.T) {
	tmpl := parse(t, nil)
	var names []string
	for _, f := range tmpl.Functions {
		names = append(names, f.Name)
	}
	equal(t, "functions", names, []string{"authorize", "follow", "get-thing"})

	f, ok := tmpl.Function("get-thing")
	if !ok {
		t.Fatal("get-thing is missing")
	}
	equal(t, "settings", []any{f.LogicalID, f.Handler, f.Runtime, f.Architecture, f.Timeout, f.MemorySize, f.AsyncRetries},
		[]any{"GetThing", "bootstrap", "provided.al2023", "arm64", 15 * time.Second, 512, 2})
	equal(t, "environment", f.Environment, map[string]string{
		"SHARED": "everywhere", "OWN": "its own", "TABLE": "Things", "DAYS": "90", "ISSUER": "",
		"URL": "https://Api.us-east-1.example/${Literal}", "WHO": "arm64-90", "NEITHER": "1", "JOINED": "a/90",
	})
	equal(t, "policies", f.Policies, []Statement{{Effect: "Allow", Actions: []string{"dynamodb:Query"}, Resources: []string{"Things.Arn", "Things.Arn/index/byOwner"}}})
	equal(t, "routes", f.Routes, []Route{
		{Name: "Api", Method: "GET", Path: "/things/{id}", Authorizer: "Token"},
		{Name: "Open", Method: "GET", Path: "/open"},
	})
}

func TestEvents(t *testing.T) {
	f, _ := parse(t, nil).Function("follow")
	pattern, err := ParsePattern(`{"dynamodb":{"NewImage":{"op":{"S":["done"]}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "streams", f.Streams, []Stream{
		{Name: "Plain", Table: "Things", StartingPosition: "LATEST", BatchSize: 100, MaximumRetryAttempts: -1, ParallelizationFactor: 1},
		{
			Name: "Things", Table: "Things", Filters: []Pattern{pattern}, StartingPosition: "TRIM_HORIZON", BatchSize: 10, BatchingWindow: 2 * time.Second,
			PartialFailures: true, Bisect: true, MaximumRetryAttempts: 20, MaximumRecordAge: time.Hour, ParallelizationFactor: 4, OnFailure: "Dead",
		},
	})
	equal(t, "schedules", f.Schedules, []Schedule{{Name: "Every", Every: 10 * time.Minute, MaximumRetryAttempts: 3, OnFailure: "Dead"}})
	equal(t, "asynchronous invocations", []any{f.AsyncRetries, f.OnFailure}, []any{1, "Dead"})
	if len(f.Rules) != 2 || f.Rules[0].Bus != "default" || f.Rules[1].Bus != "Bus" {
		t.Fatalf("got the rules %+v, want one on the default bus and one on Bus", f.Rules)
	}
	bounce := map[string]any{"source": "aws.ses", "detail": map[string]any{"eventType": "Bounce"}}
	if !f.Rules[0].Pattern.Matches(bounce) || f.Rules[1].Pattern.Matches(bounce) {
		t.Error("a bounce does not match the first rule alone")
	}
}

func TestTablesAndAPI(t *testing.T) {
	tmpl := parse(t, nil)
	equal(t, "tables", tmpl.Tables, []Table{{
		LogicalID: "Things", Attributes: []Attribute{{"pk", "S"}, {"owner", "S"}, {"at", "N"}}, Key: Key{Hash: "pk"},
		Indexes:    []Index{{Name: "byOwner", Key: Key{"owner", "at"}, Projection: "INCLUDE", Include: []string{"name"}}},
		StreamView: "NEW_AND_OLD_IMAGES", TTL: "expiresAt",
	}})
	equal(t, "API", tmpl.API, API{
		LogicalID: "Api", Stage: "live", DefaultAuthorizer: "Token",
		Authorizers: []Authorizer{{Name: "Token", Function: "Authorize", Headers: []string{"Authorization"}, CacheFor: time.Minute}},
		GatewayResponses: map[string]GatewayResponse{"UNAUTHORIZED": {
			StatusCode: 401, Headers: map[string]string{"WWW-Authenticate": `Bearer realm="x"`}, Templates: map[string]string{"application/json": `{"status":401}`},
		}},
	})
}

func TestParametersAndConditions(t *testing.T) {
	off := parse(t, nil)
	equal(t, "outputs", off.Outputs, map[string]string{"Url": "https://Api/live"})
	on := parse(t, map[string]string{"Extra": "yes", "Issuer": "https://id.example", "AWS::Region": "eu-central-1", "Days": "7"})
	equal(t, "outputs with the condition", on.Outputs, map[string]string{"Url": "https://Api/live", "Extra": "Only"})
	if len(on.Resources) != len(off.Resources)+1 {
		t.Errorf("%d resources with the condition and %d without, want one more with it", len(on.Resources), len(off.Resources))
	}
	f, _ := on.Function("get-thing")
	for name, want := range map[string]string{"EXTRA": "yes", "ISSUER": "https://id.example", "NEITHER": "0", "DAYS": "7", "URL": "https://Api.eu-central-1.example/${Literal}"} {
		equal(t, name, f.Environment[name], want)
	}
	equal(t, "parameter", on.Parameters[0], Parameter{Name: "Issuer", Type: "String", AllowedPattern: "https://.+", Description: "who signs"})
	equal(t, "default", on.Parameters[2].Default, "90")

	for name, values := range map[string]map[string]string{
		"unknown": {"Nothing": "1"}, "not allowed": {"Architecture": "sparc"}, "off the pattern": {"Issuer": "http://plain.example"},
	} {
		if _, err := Parse([]byte(sample), values); err == nil {
			t.Errorf("a parameter that is %s was accepted", name)
		}
	}
}

// Each of these would work differently on the host and on AWS if it were ignored, so it is
// refused: says is a part of the error.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ old, new, says string }{
		"YAML":                  {"Resources:", "Resources: [", "YAML"},
		"duplicate key":         {"Outputs:", "Outputs:\n  Url: {Value: x}", "Url"},
		"anchor":                {"MemorySize: 512", "MemorySize: &m 512", "not understood"},
		"section":               {"Outputs:", "Mappings: {}\nOutputs:", "Mappings"},
		"globals for APIs":      {"Globals:\n", "Globals:\n  Api: {Cors: true}\n", "Globals.Api"},
		"function":              {"OWN: its own", "OWN: !Select [0, [a]]", "Select"},
		"reference":             {"TABLE: !Ref Things", "TABLE: !Ref Nothing", "Nothing"},
		"attribute":             {"Destination: !GetAtt Dead.Arn", "Destination: !GetAtt Gone.Arn", "Gone"},
		"in a text":             {"${Api}.${AWS", "${Apu}.${AWS", "Apu"},
		"resource that is off":  {"TABLE: !Ref Things", "TABLE: !Ref Only", "HasExtra"},
		"condition":             {"Condition: HasExtra\nO", "Condition: HasNothing\nO", "HasNothing"},
		"circular condition":    {"HasExtra: !Equals [!Ref Extra, \"yes\"]", "HasExtra: !Not [!Condition Neither]", "rests on itself"},
		"property":              {"MemorySize: 512", "MemorySize: 512\n      EphemeralStorage: {Size: 1024}", "EphemeralStorage"},
		"number":                {"MemorySize: 512", "MemorySize: plenty", "MemorySize"},
		"runtime":               {"Runtime: provided.al2023", "Runtime: go1.x", "Runtime"},
		"handler":               {"Handler: bootstrap", "Handler: main", "Handler"},
		"build method":          {"Metadata: {BuildMethod: go1.x}\n    Properties:\n      CodeUri: functions/authorize/", "Properties:\n      CodeUri: functions/authorize/", "BuildMethod"},
		"shared folder":         {"CodeUri: functions/get-thing/", "CodeUri: .", "CodeUri"},
		"folder used twice":     {"CodeUri: functions/get-thing/", "CodeUri: functions/follow/", "same CodeUri"},
		"policy template":       {"- Version: \"2012-10-17\"\n          Statement:", "- DynamoDBCrudPolicy: {TableName: !Ref Things}\n        - Statement:", "policy"},
		"condition in braces":   {"            - Effect: Allow\n", "            - Effect: Allow\n              Condition: {StringEquals: {ses:FromAddress: x}}\n", "not in braces"},
		"managed policy":        {"Policies:\n", "Policies:\n        - AmazonDynamoDBFullAccess\n", "Policies[0]"},
		"statement for nothing": {"              Resource: [!GetAtt Things.Arn, !Sub \"${Things.Arn}/index/byOwner\"]\n", "", "without a resource"},
		"event type":            {"Type: EventBridgeRule\n          Properties: {Ev", "Type: S3\n          Properties: {Ev", `"S3"`},
		"implicit API":          {"{RestApiId: !Ref Api, Method: GET, Path: /open,", "{Method: GET, Path: /open,", "RestApiId"},
		"route twice":           {"Path: /open", "Path: \"/things/{id}\"", "already"},
		"path":                  {"Path: /open", "Path: open", "begin with /"},
		"authorizer":            {"Authorizer: NONE", "Authorizer: Other", "Other"},
		"default authorizer":    {"DefaultAuthorizer: Token", "DefaultAuthorizer: Tokn", "Tokn"},
		"authorizer kind":       {"FunctionPayloadType: REQUEST", "FunctionPayloadType: TOKEN", "TOKEN"},
		"unquoted header":       {"\"'Bearer realm=\\\"x\\\"'\"", "Bearer", "single quotes"},
		"stream of nothing":     {"Stream: !GetAtt Things.StreamArn, St", "Stream: !GetAtt Dead.StreamArn, St", "no table with a stream"},
		"stream address":        {"Stream: !GetAtt Things.StreamArn, St", "Stream: !GetAtt Things.Arn, St", "StreamArn"},
		"table without stream":  {"StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}", "Tags: []", "no table with a stream"},
		"start":                 {"StartingPosition: LATEST", "StartingPosition: AT_TIMESTAMP", "AT_TIMESTAMP"},
		"mapping property":      {"BatchSize: 10", "BatchSize: 10\n            TumblingWindowInSeconds: 10", "Tumbling"},
		"mapping that is off":   {"BatchSize: 10", "BatchSize: 10\n            Enabled: false", "Enabled"},
		"response type":         {"[ReportBatchItemFailures]", "[ReportSomething]", "ReportSomething"},
		"filter operator":       {`"S":["done"]`, `"S":[{"prefix":"do"}]`, "prefix"},
		"failures to a topic":   {"{OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}}\n      Events", "{OnFailure: {Type: SNS, Destination: !GetAtt Dead.Arn}}\n      Events", "SNS"},
		"failures to a table":   {"DeadLetterConfig: {Arn: !GetAtt Dead.Arn}", "DeadLetterConfig: {Arn: !GetAtt Things.Arn}", "AWS::SQS::Queue"},
		"calendar":              {"rate(10 minutes)", "cron(0 8 * * ? *)", "cron"},
		"rate of nothing":       {"rate(10 minutes)", "rate(0 minutes)", "at least 1"},
		"rule operator":         {"source: [things]", "source: [{anything-but: things}]", "anything-but"},
		"unknown bus":           {"EventBusName: !Ref Bus", "EventBusName: elsewhere", "elsewhere"},
		"key undefined":         {"        - {AttributeName: at, AttributeType: N}\n", "", "without a definition"},
		"attribute unused":      {"AttributeDefinitions:\n", "AttributeDefinitions:\n        - {AttributeName: idle, AttributeType: S}\n", "in no key"},
		"local index":           {"BillingMode: PAY_PER_REQUEST", "BillingMode: PAY_PER_REQUEST\n      LocalSecondaryIndexes: []", "LocalSecondaryIndexes"},
		"wiring past the model": {"Dead: {Type: AWS::SQS::Queue}", "Dead: {Type: AWS::SQS::Queue}\n  Sneaky: {Type: AWS::Lambda::EventSourceMapping}", "EventSourceMapping"},
		"resource without type": {"Dead: {Type: AWS::SQS::Queue}", "Dead: {Type: AWS::SQS::Queue}\n  Odd: {Properties: {}}", "no Type"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(sample, c.old, c.new, 1)
			if text == sample {
				t.Fatalf("the sample has no %q", c.old)
			}
			_, err := Parse([]byte(text), nil)
			if err == nil {
				t.Fatalf("accepted, want an error that says %q", c.says)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error does not say %q: %v", c.says, err)
			}
		})
	}
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, event string
		want           bool
	}{
		{`{"a":["x","y"]}`, `{"a":"y"}`, true},
		{`{"a":["x"]}`, `{"a":"xx"}`, false},
		{`{"a":["x"]}`, `{}`, false},
		{`{"a":["x"]}`, `"x"`, false},
		{`{"a":["x"],"b":["y"]}`, `{"a":"x"}`, false},
		{`{"a":["x"],"b":["y"]}`, `{"a":"x","b":"y","c":1}`, true},
		{`{"a":{"b":{"c":["x"]}}}`, `{"a":{"b":{"c":"x"}}}`, true},
		{`{"a":{"b":["x"]}}`, `{"a":"x"}`, false},
		{`{"a":["x"]}`, `{"a":["w","x"]}`, true},
		{`{"a":["x"]}`, `{"a":{"x":1}}`, false},
		{`{"a":[1]}`, `{"a":1}`, true},
		{`{"a":[1]}`, `{"a":"1"}`, false},
		{`{"a":[null]}`, `{"a":null}`, true},
		{`{"a":[null]}`, `{}`, false},
		{`{"a":[true]}`, `{"a":true}`, true},
	} {
		p, err := ParsePattern(c.pattern)
		if err != nil {
			t.Fatalf("%s: %v", c.pattern, err)
		}
		var event any
		if err := json.Unmarshal([]byte(c.event), &event); err != nil {
			t.Fatal(err)
		}
		if got := p.Matches(event); got != c.want {
			t.Errorf("%s matches %s: %v, want %v", c.pattern, c.event, got, c.want)
		}
		if p.String() != c.pattern {
			t.Errorf("the pattern %s became %s, want it unchanged", c.pattern, p)
		}
	}
	if (Pattern{}).Matches(map[string]any{"a": "x"}) {
		t.Error("the zero Pattern matches something, want nothing")
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"a":[]}`, `{"a":"x"}`, `{"a":{}}`, `{"a":[[1]]}`, `{"a":[{}]}`, `{"a":[{"exists":true}]}`, `{"$or":[{"a":["x"]}]}`} {
		if _, err := ParsePattern(bad); err == nil {
			t.Errorf("%s was accepted, want an error", bad)
		}
	}
}
