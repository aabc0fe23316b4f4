// Command bare is the least that aws-lambda-go can be: what start-up, size and memory of
// our functions are compared with.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context, any) (any, error) { return nil, nil })
}
