package inject_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"

	"example.com/releases/shared/testkit/inject"
)

func client(t *testing.T, call, attempt inject.Around) (*dynamodb.Client, *int) {
	t.Helper()
	served := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served++
		_, _ = w.Write([]byte(`{}`))
	}))
	t.Cleanup(server.Close)
	return dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
		Retryer:    retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 1 }),
		APIOptions: []func(*middleware.Stack) error{inject.Into(call, attempt)},
	}), &served
}

var get = &dynamodb.DescribeTableInput{TableName: aws.String("t")}

func TestInject_LostBelowTheRetries_IsRepeated(t *testing.T) {
	attempts := 0
	c, served := client(t, nil, func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if call.Operation != "DescribeTable" || call.Input != get {
			t.Errorf("the attempt does not know its call: %+v", call)
		}
		attempts++
		if err := do(ctx); attempts > 1 || err != nil {
			return err
		}
		return inject.Lost()
	})
	if _, err := c.DescribeTable(t.Context(), get); err != nil || attempts != 2 || *served != 2 {
		t.Errorf("error %v after %d attempts, %d served; want success after 2", err, attempts, *served)
	}
}

func TestInject_LostAboveTheRetries_IsNotRepeated(t *testing.T) {
	lost := errors.New("lost")
	c, served := client(t, func(ctx context.Context, _ inject.Call, do func(context.Context) error) error {
		return errors.Join(do(ctx), lost)
	}, nil)
	if _, err := c.DescribeTable(t.Context(), get); !errors.Is(err, lost) || *served != 1 {
		t.Errorf("error %v, %d served; want the lost answer after 1", err, *served)
	}
}

func TestInject_Refusal_IsClassifiedByItsCode(t *testing.T) {
	for code, want := range map[string]int{"ThrottlingException": 3, "ValidationException": 1} {
		var count inject.Counter
		c, served := client(t, nil, func(ctx context.Context, call inject.Call, _ func(context.Context) error) error {
			return count.Count(ctx, call, func(context.Context) error { return inject.Refused(code) })
		})
		_, err := c.DescribeTable(t.Context(), get)
		if got := count.Take().Total(); err == nil || got != want || *served != 0 {
			t.Errorf("%s: error %v, %d attempts (want %d), %d served", code, err, got, want, *served)
		}
	}
}
