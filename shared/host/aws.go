package host

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"example.com/releases/shared/version"
)

// idleConnections fits the parallelism of settlement: the SDK keeps ten per host and would dial again for the others.
const idleConnections = 64

// attemptTimeout is how long one attempt of a call may take, from dialling to the last byte of the answer; the SDK has
// no limit of its own, so that a request that hangs would take all the time there is. DynamoDB answers in milliseconds,
// and a transaction of a hundred actions well within a second. Three attempts and the pauses between them (up to 1 and
// 2 s) stay below the 14.5 s that an API function has, so that what hangs once succeeds, and what hangs for good is a
// 503 that says so (AWS Well-Architected Framework, REL05-BP05 "Set client timeouts").
const attemptTimeout = 3 * time.Second

// AWS makes the configuration for a service client. An endpoint replaces AWS's own. It is made by hand
// because the SDK's config package costs a third of a function's start-up for sources of configuration that Lambda
// does not have.
func (c Config) AWS(endpoint string) aws.Config {
	requireSet("AWS_REGION", c.Region)
	created := aws.Config{
		Region:      c.Region,
		Credentials: credentials(c.credentials, endpoint != ""),
		RetryMode:   aws.RetryModeStandard,
		// The SDK's user agent carries it as app/releases-1.0.0, which CloudTrail shows.
		AppID: "releases-" + version.Number,
		HTTPClient: awshttp.NewBuildableClient().WithTimeout(attemptTimeout).WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = idleConnections
		}),
	}
	if endpoint != "" {
		created.BaseEndpoint = aws.String(endpoint)
	}
	return created
}

// credentials provides what Lambda put into the environment, which stays valid as long as the process lives. A local
// engine requires credentials but does not check them.
func credentials(found aws.Credentials, local bool) aws.CredentialsProvider {
	if local && !found.HasKeys() {
		found = aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local", Source: "local engine"}
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		if !found.HasKeys() {
			return found, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; Lambda sets them from the function's role")
		}
		return found, nil
	})
}
