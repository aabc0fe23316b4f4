package settle

import "github.com/aws/aws-lambda-go/events"

// DecodeBoth reads a record as both consumers do.
func DecodeBoth(r events.DynamoDBEventRecord) (release string, change, of string) {
	id, _, _ := releaseWake(r)
	c, _, _ := changeWake(r)
	return string(id), c.change, c.release
}
