package announce

import "testing"

// After which codes an entry is sent again, typed by hand; whatever else EventBridge says is for
// good (API reference, PutEventsResultEntry).
func TestPassing_EachCode_AsTyped(t *testing.T) {
	t.Parallel()
	for code, repeated := range map[string]bool{
		"InternalFailure": true, "InternalException": true, "ThrottlingException": true,
		"": false, "MalformedDetail": false, "NotAuthorizedForSourceException": false, "InvalidArgument": false, "throttlingexception": false,
	} {
		if passing(code) != repeated {
			t.Errorf("%q: sent again %v", code, !repeated)
		}
	}
}
